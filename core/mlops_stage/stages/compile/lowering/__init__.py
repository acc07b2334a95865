"""Operators of `ai.onnx.ml` written out in those of `ai.onnx`, for runtimes that have only these."""
