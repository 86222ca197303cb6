"""The world outside, in one light process: an SMTP server and an SMS provider that keep everything.

Nothing here imports Django or the rest of crm: it is another company's machine, met only over SMTP,
HTTP and the table `crm_caughtmessage`.
"""
