"""Telling somebody that a run failed: the log always, a webhook where one is named."""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request

WEBHOOK_VARIABLE = "STOREHOUSE_ALERT_WEBHOOK"
TIMEOUT_SECONDS = 10

log = logging.getLogger("storehouse.alerts")


def alert(title: str, text: str) -> bool:
    """Logs the failure and posts {"text": ...} to the webhook; True when it was delivered there.

    A webhook that does not answer is logged: an alert must not fail the run a second time.
    """
    log.error("%s: %s", title, text)
    webhook = os.environ.get(WEBHOOK_VARIABLE)
    if not webhook:
        return False
    body = json.dumps({"text": f"{title}\n{text}"}).encode()
    request = urllib.request.Request(
        webhook, data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return True
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        log.error("The alert could not be delivered to %s: %s", WEBHOOK_VARIABLE, error)
        return False
