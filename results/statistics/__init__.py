"""Statistics of arrays: intervals, paired tests, resampling, survival, variance. No table is known here."""
