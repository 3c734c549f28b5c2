"""The estimators and the hard functions that they go with: the table of contents."""

from estimators.expectation import Expectation
from estimators.expectation import expectation_registry as expectation_registry
from estimators.expectations.arm import arm as arm
from estimators.expectations.arms import arms as arms
from estimators.expectations.disarm import disarm as disarm
from estimators.expectations.dr_grpo import dr_grpo as dr_grpo
from estimators.expectations.enumeration import enumeration as enumeration
from estimators.expectations.evolution_strategy import evolution_strategy as evolution_strategy
from estimators.expectations.finite_difference import finite_difference as finite_difference
from estimators.expectations.grpo import grpo as grpo
from estimators.expectations.leave_one_out import leave_one_out as leave_one_out
from estimators.expectations.muprop import muprop as muprop
from estimators.expectations.rebar import rebar as rebar
from estimators.expectations.reinforce import reinforce as reinforce
from estimators.expectations.reinforce_moving import reinforce_moving as reinforce_moving
from estimators.expectations.reinforce_optimal import reinforce_optimal as reinforce_optimal
from estimators.expectations.relax import relax as relax
from estimators.expectations.spsa import spsa as spsa
from estimators.functions.argmax import argmax as argmax
from estimators.functions.bernoulli import bernoulli as bernoulli
from estimators.functions.categorical import categorical as categorical
from estimators.functions.hard_tanh import hard_tanh as hard_tanh
from estimators.functions.identity import identity as identity
from estimators.functions.midrise import midrise as midrise
from estimators.functions.round import round as round
from estimators.functions.sign import sign as sign
from estimators.functions.step import step as step
from estimators.functions.ternary import ternary as ternary
from estimators.sampled import Sampled
from estimators.sampled import sampled_registry as sampled_registry
from estimators.sampling.gapped_st import gapped_st as gapped_st
from estimators.sampling.gumbel_rao import gumbel_rao as gumbel_rao
from estimators.sampling.gumbel_softmax import gumbel_softmax as gumbel_softmax
from estimators.sampling.reinmax import reinmax as reinmax
from estimators.sampling.st_gumbel import st_gumbel as st_gumbel
from estimators.surrogate import Surrogate
from estimators.surrogate import registry as registry
from estimators.surrogates.absmax import absmax as absmax
from estimators.surrogates.absmean import absmean as absmean
from estimators.surrogates.approx_sign import approx_sign as approx_sign
from estimators.surrogates.atan import atan as atan
from estimators.surrogates.circ import circ as circ
from estimators.surrogates.dge import dge as dge
from estimators.surrogates.dsq import dsq as dsq
from estimators.surrogates.ede import ede as ede
from estimators.surrogates.entmax15 import entmax15 as entmax15
from estimators.surrogates.erf import erf as erf
from estimators.surrogates.ewgs import ewgs as ewgs
from estimators.surrogates.exponential import exponential as exponential
from estimators.surrogates.fake_numerical import fake_numerical as fake_numerical
from estimators.surrogates.fast_sigmoid import fast_sigmoid as fast_sigmoid
from estimators.surrogates.fourier import fourier as fourier
from estimators.surrogates.gauss import gauss as gauss
from estimators.surrogates.leaky import leaky as leaky
from estimators.surrogates.leaky_k_relu import leaky_k_relu as leaky_k_relu
from estimators.surrogates.log_tailed_relu import log_tailed_relu as log_tailed_relu
from estimators.surrogates.lso import lso as lso
from estimators.surrogates.lsq import lsq as lsq
from estimators.surrogates.lsq_log import lsq_log as lsq_log
from estimators.surrogates.mag_aware import mag_aware as mag_aware
from estimators.surrogates.multi_gauss import multi_gauss as multi_gauss
from estimators.surrogates.nonzero_sign_log_abs import nonzero_sign_log_abs as nonzero_sign_log_abs
from estimators.surrogates.pact import pact as pact
from estimators.surrogates.piecewise_quadratic import piecewise_quadratic as piecewise_quadratic
from estimators.surrogates.q_pseudo import q_pseudo as q_pseudo
from estimators.surrogates.rbnn import rbnn as rbnn
from estimators.surrogates.rect import rect as rect
from estimators.surrogates.reste import reste as reste
from estimators.surrogates.s2nn import s2nn as s2nn
from estimators.surrogates.sigmoid_derivative import sigmoid_derivative as sigmoid_derivative
from estimators.surrogates.sigmoid_n import sigmoid_n as sigmoid_n
from estimators.surrogates.slope_annealing import slope_annealing as slope_annealing
from estimators.surrogates.softsign import softsign as softsign
from estimators.surrogates.sparse_fs import sparse_fs as sparse_fs
from estimators.surrogates.sparse_fs_snntorch import sparse_fs_snntorch as sparse_fs_snntorch
from estimators.surrogates.spike_op import spike_op as spike_op
from estimators.surrogates.sso import sso as sso
from estimators.surrogates.stableqat import stableqat as stableqat
from estimators.surrogates.ste import ste as ste
from estimators.surrogates.ste_clipped import ste_clipped as ste_clipped
from estimators.surrogates.superspike_asym import superspike_asym as superspike_asym
from estimators.surrogates.swish_sign import swish_sign as swish_sign
from estimators.surrogates.tanh_slope import tanh_slope as tanh_slope
from estimators.surrogates.tqt import tqt as tqt
from estimators.surrogates.triangle import triangle as triangle
from estimators.surrogates.zero import zero as zero
from steeplechase import renamed


def names() -> list[str]:
    """The names of all estimators, kind by kind."""
    return [name for each in (registry, sampled_registry, expectation_registry) for name in each]


def find(name: str) -> Surrogate | Sampled | Expectation:
    """The estimator of this name, of any kind.

    Args:
        name: as it was registered.

    Returns:
        The page.

    Raises:
        UnknownName: where there is none, with what may have been meant.
    """
    own = next((each for each in (registry, sampled_registry, expectation_registry) if name in each), registry)
    return own[name]


__getattr__ = renamed.answering(__name__, book=("estimators.registry", registry))
