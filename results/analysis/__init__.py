"""What records say, as data frames: nothing here prints or draws."""
