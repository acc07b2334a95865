"""The Open Inference Protocol, version 2, over HTTP: addresses, the link to a server, tensors on the wire."""
