"""Distances and angles between vectors."""

from ... import _C

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]

cosine_similarity = _C._ops.cosine_similarity
pairwise_distance = _C._ops.pairwise_distance
pdist = _C._ops.pdist
