"""Neural recommenders: trained by PyTorch (extra: neural), served by NumPy. One file a model; `descent` is what they share."""

from recsys_lab.production.neural.neumf import NeuMF
from recsys_lab.production.neural.sasrec import SASRec
from recsys_lab.production.neural.twotower import TwoTower

__all__ = ["NeuMF", "SASRec", "TwoTower"]
