"""ONNX files, which are untrusted, always: facts without loading weights, a screen before any session, and the session."""
