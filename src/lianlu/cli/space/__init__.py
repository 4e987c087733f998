"""A knowledge base as a Hugging Face Space: the folder that is written, and its way to the hub."""
