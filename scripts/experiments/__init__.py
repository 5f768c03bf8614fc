"""Experiments with chains of real proxies: scripts/experiment."""
