"""Any Backend over HTTP with OpenAI's interface: routes, a request log, a chat page; later accounts, quotas, metrics."""
