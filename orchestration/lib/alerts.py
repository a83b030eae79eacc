"""Telling somebody that a run failed: the log always, a webhook where one is named."""

from __future__ import annotations

import http.client
import json
import logging
import os
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterEvent

WEBHOOK_VARIABLE = "STOREHOUSE_ALERT_WEBHOOK"
TIMEOUT_SECONDS = 10

log = logging.getLogger("storehouse.alerts")


def failure_message(event: DagsterEvent) -> str:
    """What a failed step said: the cause without what Dagster wraps around it."""
    error = event.step_failure_data.error
    cause = error.cause if error and error.cause else error
    return cause.message.strip() if cause else "no reason given"


def alert(title: str, text: str) -> bool:
    """Logs the failure and posts {"text": ...} to the webhook; True when it was delivered there.

    A webhook that does not answer is logged: an alert must not fail the run a second time. Its
    address is a secret and is not.
    """
    log.error("%s: %s", title, text)
    webhook = os.environ.get(WEBHOOK_VARIABLE, "").strip()
    if not webhook:
        return False
    if not webhook.startswith(("https://", "http://")):
        log.error("The alert was not sent: %s is not an http(s) address.", WEBHOOK_VARIABLE)
        return False
    body = json.dumps({"text": f"{title}\n{text}"}).encode()
    try:
        request = urllib.request.Request(
            webhook, data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return True
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        log.error("The alert could not be delivered to %s: %s", WEBHOOK_VARIABLE, reason)
        return False
