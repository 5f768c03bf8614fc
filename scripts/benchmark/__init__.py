"""Harness around a SIP proxy: SIPp on both sides, CPU caps, meters, reports."""
