"""The estimators: the table of contents."""

from estimators.base import book as book
from estimators.sigmoid_derivative import sigmoid_derivative as sigmoid_derivative
from estimators.ste import ste as ste
from estimators.ste_clipped import ste_clipped as ste_clipped
from estimators.tanh_slope import tanh_slope as tanh_slope
from estimators.zero import zero as zero
