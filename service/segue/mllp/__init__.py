"""The MLLP door: framing, acknowledgement, the listener and the sending side."""
