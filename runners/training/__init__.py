"""The compiled program: what one step is, how a block of replicas is trained and measured. No Hydra, no store."""
