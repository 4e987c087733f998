"""Change and clean what is to be learned: files of samples go in, files of samples come out."""
