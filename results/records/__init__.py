"""Records: their columns, their store, plans, and tables that were frozen."""
