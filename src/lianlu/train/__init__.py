"""One loop, many objectives: tokenizers, pretraining and fine-tuning, resumed exactly where they were stopped.

Nothing is imported here: the words of the room's errors must be readable where torch is not installed.
"""
