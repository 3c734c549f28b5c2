"""What was found: records, the tables made of them and the figures drawn from them. No TensorFlow anywhere in here."""

from results.store import Plan as Plan
from results.store import load as load
