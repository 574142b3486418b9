"""A merchant's server: Python 3.9 or later, and vezne_verify.py.

    VEZNE_URL=https://127.0.0.1:8443 VEZNE_API_KEY=vz_test_… \\
    VEZNE_SIGNING_SECRET=vzsig_… VEZNE_WEBHOOK_SECRET=whsec_… \\
    SSL_CERT_FILE=ca.pem python3 docs/examples/python.py

SHOP_URL is this server as browsers call it. CALLBACK_URL is its /callback as
vezne calls it: https, or http on this machine in test mode; leave it out to do
without callbacks. Both must be under an entry of the merchant's allow-list.
"""

import os
import sys
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

# Beside your own code, in a shop.
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "static", "sdk", "server"))

# readme:begin
import json, urllib.request
import vezne_verify


def create_session(order_id):
    """Opens a session. Keep its `id` with the order; send the browser to its `url`."""
    wanted = {"purpose": "tokenize", "conversationId": order_id, "returnUrl": f"{SHOP_URL}/return"}
    if CALLBACK_URL:
        wanted["callbackUrl"] = CALLBACK_URL
    headers = {"Authorization": f"Bearer {VEZNE_API_KEY}", "Content-Type": "application/json"}
    headers["Idempotency-Key"] = order_id  # a call that is sent again opens no second session
    request = urllib.request.Request(f"{VEZNE_URL}/v1/sessions", json.dumps(wanted).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:  # raises HTTPError for a problem
        return json.load(answer)
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
    they like.
    """
    order = ORDERS.get(result["conversationId"])
    if order is None or order["session"] != result["session"]:
        raise vezne_verify.VerificationError("order", "this is no order of ours")
    if result["status"] == "completed" and "cardToken" not in order:
        # A redirect names the session only; token and card come over the API.
        session = read_session(order["session"])
        token = vezne_verify.verify_result(session, VEZNE_SIGNING_SECRET)["cardToken"]
        order.update(cardToken=token, card=session["card"])
    order["status"] = result["status"]
    return order


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/":
            form = '<form method="post" action="/checkout"><button>Pay by card</button></form>'
            self.answer(200, form, "text/html")
        elif url.path == "/return":
            self.verified(self.returned, dict(parse_qsl(url.query, keep_blank_values=True)))
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
            self.verified(self.callback, body)
        else:
            self.answer(404, "Not found.\n")

    def verified(self, take, given):
        try:
            take(given)
        except vezne_verify.VerificationError as error:
            self.log_error("%s", error)
            self.answer(400, "This is not from vezne, or of no order here.\n")

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

    # readme:begin
    def returned(self, query):
        """The browser comes back with the result in the query."""
        order = settle(vezne_verify.verify_result(query, VEZNE_SIGNING_SECRET))
        if order["status"] != "completed":
            self.answer(200, f"No card: {order['status']}.\n")
        else:
            self.answer(200, f"We have your card ending in {order['card']['lastFour']}.\n")

    def callback(self, body):
        """vezne tells the same; `body` is the bytes as they came."""
        event = vezne_verify.verify_callback(self.headers, body, VEZNE_WEBHOOK_SECRET)
        # The same event may come more than once: its id is the same each time.
        if event["type"].startswith("session.") and event["id"] not in SEEN_EVENTS:
            settle(vezne_verify.verify_result(event["data"], VEZNE_SIGNING_SECRET))
            SEEN_EVENTS.add(event["id"])
        self.answer(204, "")
    # readme:end

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
