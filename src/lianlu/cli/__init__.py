"""The command table and the verbs that belong to no link: chat, demo, doctor, run."""
