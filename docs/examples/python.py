"""A merchant's server in one file: Python 3.9 or later, standard library only.

    VEZNE_URL=https://127.0.0.1:8443 VEZNE_API_KEY=vz_test_… \\
    VEZNE_SIGNING_SECRET=vzsig_… VEZNE_WEBHOOK_SECRET=whsec_… \\
    SSL_CERT_FILE=ca.pem python3 docs/examples/python.py

SHOP_URL is this server as browsers call it. CALLBACK_URL is its /callback as
vezne calls it: https, or http on this machine in test mode; leave it out to do
without callbacks. Both must be under an entry of the merchant's allow-list.
"""

import os
import urllib.error
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, urlsplit

VEZNE_URL = os.environ.get("VEZNE_URL", "https://127.0.0.1:8443")
VEZNE_API_KEY = os.environ.get("VEZNE_API_KEY", "")
VEZNE_SIGNING_SECRET = os.environ.get("VEZNE_SIGNING_SECRET", "")
VEZNE_WEBHOOK_SECRET = os.environ.get("VEZNE_WEBHOOK_SECRET", "")
PORT = int(os.environ.get("PORT", "3000"))
SHOP_URL = os.environ.get("SHOP_URL", f"http://localhost:{PORT}")
CALLBACK_URL = os.environ.get("CALLBACK_URL")

# readme:begin
import base64, hashlib, hmac, json, time, urllib.request


def create_session(order_id):
    """Opens a session. Keep its `id` with the order; send the browser to its `url`."""
    wanted = {"purpose": "tokenize", "conversationId": order_id, "returnUrl": f"{SHOP_URL}/return"}
    if CALLBACK_URL:
        wanted["callbackUrl"] = CALLBACK_URL
    headers = {"Authorization": f"Bearer {VEZNE_API_KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{VEZNE_URL}/v1/sessions", json.dumps(wanted).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:  # raises HTTPError for a problem
        return json.load(answer)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def verify_result(result, secret=VEZNE_SIGNING_SECRET):
    """Whether vezne signed this result, and for this token where there is one."""
    fields = ("session", "status", "conversationId", "timestamp", "tokenDigest")
    text = "\n".join(["vezne-result-v1"] + [result.get(name, "") for name in fields])
    genuine = base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())
    if not hmac.compare_digest(genuine.encode(), result.get("signature", "").encode()):
        return False
    token = result.get("cardToken")
    return not token or base64url(hashlib.sha256(token.encode()).digest()) == result["tokenDigest"]


def verify_callback(headers, body, secret=VEZNE_WEBHOOK_SECRET, now=None):
    """Whether vezne sent this body, within five minutes of `now` (seconds). `body` is as received."""
    identifier, sent = headers.get("webhook-id") or "", headers.get("webhook-timestamp") or ""
    now = time.time() if now is None else now
    if not identifier or not sent.isdecimal() or abs(now - int(sent)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{identifier}.{sent}.".encode() + body
    genuine = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    given = (headers.get("webhook-signature") or "").split(" ")
    return any(hmac.compare_digest(genuine, one.encode()) for one in given)
# readme:end


# Stands for the shop's database.
ORDERS = {}
SEEN_EVENTS = set()


def read_session(identifier):
    headers = {"Authorization": f"Bearer {VEZNE_API_KEY}"}
    request = urllib.request.Request(f"{VEZNE_URL}/v1/sessions/{quote(identifier, safe='')}", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def settle(result):
    """Takes a verified result over into its order.

    The return and the callback both come here, in either order and as often as
    they like. None when the result is not of an order of ours.
    """
    order = ORDERS.get(result["conversationId"])
    if order is None or order["session"] != result["session"]:
        return None
    if result["status"] == "completed" and "cardToken" not in order:
        # A redirect names the session only; the token comes over the API.
        session = result if result.get("cardToken") else read_session(result["session"])
        if not verify_result(session) or session["session"] != order["session"] or not session.get("cardToken"):
            raise ValueError("the session does not verify")
        order.update(cardToken=session["cardToken"], card=session["card"])
    order["status"] = result["status"]
    return order


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/":
            form = '<form method="post" action="/checkout"><button>Pay by card</button></form>'
            self.answer(200, form, "text/html")
        elif url.path == "/return":
            self.returned(dict(parse_qsl(url.query, keep_blank_values=True)))
        else:
            self.answer(404, "Not found.\n")

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > 64 * 1024:
            self.answer(413, "Too large.\n")
            return
        body = self.rfile.read(length)
        if self.path == "/checkout":
            self.checkout()
        elif self.path == "/callback":
            self.callback(body)
        else:
            self.answer(404, "Not found.\n")

    def checkout(self):
        order_id = f"order-{uuid.uuid4()}"
        try:
            session = create_session(order_id)
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            self.log_error("%s (%s)", problem["title"], problem["requestId"])
            self.answer(502, "The card page cannot be opened right now.\n")
            return
        ORDERS[order_id] = {"session": session["id"], "status": session["status"]}
        self.answer(303, "", location=session["url"])

    def returned(self, result):
        order = settle(result) if verify_result(result) else None
        if order is None:
            self.answer(400, "This is not a result of an order here.\n")
        elif order["status"] != "completed":
            self.answer(200, f"No card: {order['status']}.\n")
        else:
            self.answer(200, f"We have your card ending in {order['card']['lastFour']}.\n")

    def callback(self, body):
        if not verify_callback(self.headers, body):
            self.answer(401, "")
            return
        # The same event may come more than once: its id is the same each time.
        event = self.headers["webhook-id"]
        if event not in SEEN_EVENTS:
            result = json.loads(body)["data"]
            if verify_result(result):
                settle(result)
            SEEN_EVENTS.add(event)
        self.answer(204, "")

    def answer(self, status, text, kind="text/plain", location=None):
        body = text.encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        if status != 204:
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    # An empty secret would let anybody sign.
    if not (VEZNE_API_KEY and VEZNE_SIGNING_SECRET and VEZNE_WEBHOOK_SECRET):
        raise SystemExit("set VEZNE_API_KEY, VEZNE_SIGNING_SECRET and VEZNE_WEBHOOK_SECRET")
    print(SHOP_URL, flush=True)
    ThreadingHTTPServer(("127.0.0.1", PORT), Shop).serve_forever()
