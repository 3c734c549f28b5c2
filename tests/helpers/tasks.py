"""Tasks at the sizes that tests train them in."""

# A task whose default is large is tested at these arguments; one that is not listed, at its defaults.
SMALL = {"binarized_mlp": {"hidden": [12, 8], "batch": 16}, "sign_fitting": {"dim": 6, "rows": 12}}
