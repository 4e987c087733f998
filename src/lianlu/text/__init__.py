"""Torch-free text machinery: tokens, sentences, chunks, language, decoding, normalisation."""
