"""From planned runs to records: launched, trained in a process of their own, resumed, recorded."""
