const PROTOCOL = 1;
const LOADING = 30000;
const ANSWERING = 6000;
const NOTHING = ['camera', 'display-capture', 'geolocation', 'microphone', 'payment', 'usb'];
function reason(code, from) {
const here = location.origin;
return {
blocked: `The card page at ${from} did not answer. Its session must have been created with embedOrigin "${here}", and every page around this one must be of that origin too.`,
csp: `This page's Content-Security-Policy blocks the card page. Add ${from} to its frame-src.`,
unreachable: `The card page at ${from} did not load in ${LOADING / 1000} seconds. Is that address reachable, and its certificate trusted?`,
url: `The session's url must be the one that vezne gave when the session was created, not ${JSON.stringify(from)}.`,
}[code];
}
function addressOf(url) {
try {
const address = new URL(url);
if (/^https?:$/.test(address.protocol)) return address;
} catch { /* said below */ }
throw Object.assign(new TypeError(reason('url', url)), { code: 'url' });
}
function makeFrame(address) {
const frame = document.createElement('iframe');
const { style } = frame;
style.border = 0;
style.display = 'block';
style.width = '100%';
style.height = '38rem';
frame.title = 'vezne';
frame.referrerPolicy = 'no-referrer';
frame.allow = NOTHING.map((power) => power + " 'none'").join('; ');
frame.setAttribute('sandbox', 'allow-forms allow-same-origin allow-scripts allow-top-navigation-by-user-activation');
frame.src = address;
return frame;
}
function mount(place, options) {
const element = typeof place === 'string' ? document.querySelector(place) : place;
if (!element) throw new TypeError('There is no element to mount the card form in.');
const address = addressOf(options.url);
const { origin } = address;
const frame = makeFrame(address);
let port;
let timer;
let ready = false;
let ended = false;
function tell(name, value) {
if (options[name]) options[name](value);
else if (name === 'onError') console.error('vezne: ' + value.message);
}
function fail(code) {
hangUp();
tell('onError', { code, message: reason(code, origin) });
}
function hangUp() {
clearTimeout(timer);
if (port) port.close();
port = null;
}
function greet() {
hangUp();
const channel = new MessageChannel();
port = channel.port1;
port.onmessage = hear;
timer = setTimeout(fail, ANSWERING, 'blocked');
frame.contentWindow.postMessage({ vezne: 'hello', version: PROTOCOL }, origin, [channel.port2]);
}
const said = {
ready({ title, height }) {
clearTimeout(timer);
frame.title = title;
said.height({ height });
if (!ready) tell('onReady');
ready = true;
},
height({ height }) {
if (!(height > 0 && height < 10000)) return;
frame.style.height = height + 'px';
tell('onHeight', height);
},
result({ result }) {
if (!ended) tell('onResult', result);
ended = true;
},
error({ code, message }) {
clearTimeout(timer);
tell('onError', { code, message });
},
};
function hear({ data }) {
if (Object.hasOwn(said, data.type)) said[data.type](data);
}
function refused({ blockedURI, effectiveDirective }) {
if (effectiveDirective === 'frame-src' && blockedURI.startsWith(origin)) fail('csp');
}
function unmount() {
hangUp();
frame.removeEventListener('load', greet);
document.removeEventListener('securitypolicyviolation', refused);
frame.remove();
}
frame.addEventListener('load', greet);
document.addEventListener('securitypolicyviolation', refused);
timer = setTimeout(fail, LOADING, 'unreachable');
element.append(frame);
return {
unmount,
focus() {
frame.focus();
if (port) port.postMessage({ type: 'focus' });
},
};
}
class VezneCard extends HTMLElement {
static observedAttributes = ['session-url'];
#mounted;
connectedCallback() {
this.#start();
}
disconnectedCallback() {
this.#stop();
}
attributeChangedCallback() {
if (this.isConnected) this.#start();
}
focus() {
if (this.#mounted) this.#mounted.focus();
}
#start() {
this.#stop();
const url = this.getAttribute('session-url');
if (!url) return;
const tell = (name) => (detail) => this.dispatchEvent(new CustomEvent('vezne-' + name, { bubbles: true, detail }));
const onError = tell('error');
this.style.display = 'block';
try {
this.#mounted = mount(this, { url, onError, onReady: tell('ready'), onResult: tell('result'), onHeight: tell('height') });
} catch ({ code, message }) {
onError({ code, message });
}
}
#stop() {
if (this.#mounted) this.#mounted.unmount();
this.#mounted = null;
}
}
if (!customElements.get('vezne-card')) customElements.define('vezne-card', VezneCard);
const Vezne = Object.freeze({ version: '1.0.0', mount });
export { mount };
export default Vezne;
