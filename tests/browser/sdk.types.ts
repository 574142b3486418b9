// What a shop writes, for the compiler: what must compile, and what must not.
import Vezne, { mount } from '../../static/sdk/source.js';
import type { VezneError, VezneMount, VezneResult } from '../../static/sdk/source.js';

const url = 'https://pay.example.com/c/secret';
const card: VezneMount = mount('#card', {
  url,
  onReady: () => undefined,
  onResult: ({ session, status, cardToken }: VezneResult) => [session, status === 'completed' ? cardToken : undefined],
  onError: ({ code, message }: VezneError) => (code === 'blocked' ? message : undefined),
  onHeight: (height: number) => height.toFixed(),
});
card.focus();
card.unmount();
window.Vezne.mount(document.body, { url }).unmount();
Vezne.version.split('.');

const element = document.createElement('vezne-card');
element.setAttribute('session-url', url);
element.addEventListener('vezne-result', ({ detail }) => detail.tokenDigest.length);
element.addEventListener('vezne-error', ({ detail }) => detail.code);
element.addEventListener('vezne-height', ({ detail }) => detail.toFixed());

// @ts-expect-error a session's url is needed
mount('#card', {});
// @ts-expect-error there is no such status
export const ended = (result: VezneResult) => result.status === 'open';
// @ts-expect-error a card number is nowhere in a result
export const number = (result: VezneResult) => result.cardNumber;
// @ts-expect-error the version is what was loaded
Vezne.version = '2.0.0';
