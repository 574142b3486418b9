/** vezne %VERSION%: a card form in a frame of your page. Nothing of a card reaches your page. */

/**
 * How a session ended, signed. Send it to your server as it is and verify it
 * there: what a browser says proves nothing by itself.
 */
export interface VezneResult {
  /** The session's id. */
  session: string;
  /** Only `completed` means that there is a token. */
  status: 'completed' | 'failed' | 'canceled' | 'expired';
  /** Your own reference. */
  conversationId: string;
  /** When the session ended (RFC 3339, UTC). */
  timestamp: string;
  /** base64url of the token's SHA-256; empty without a token. */
  tokenDigest: string;
  /** base64url of the HMAC-SHA256 of the fields above. */
  signature: string;
  /** The token, of a completed session. */
  cardToken?: string;
}

/** Why there is no card form, or trouble that it has. */
export interface VezneError {
  /**
   * `blocked`: the page may not be in a frame here. `csp`: your own policy stops
   * it. `unreachable`: it does not load. `url`: not a session's url. `version`:
   * this file is too old or too new. `server-trouble`, `too-many-requests`,
   * `bad-request`: the form says so to the cardholder as well.
   */
  code: 'blocked' | 'csp' | 'unreachable' | 'url' | 'version' | 'server-trouble' | 'too-many-requests' | 'bad-request';
  /** What to do about it, for developers. */
  message: string;
}

export interface VezneOptions {
  /** The `url` of a session whose `embedOrigin` is your page's origin. */
  url: string;
  /** The form is there, once. */
  onReady?: () => void;
  /** The session has ended, once. */
  onResult?: (result: VezneResult) => void;
  /** Without this function, errors go to the console. */
  onError?: (error: VezneError) => void;
  /** The form's height in CSS pixels; the frame has it already. */
  onHeight?: (height: number) => void;
}

export interface VezneMount {
  /** Takes the form away. The session lives on, and a card on its way too. */
  unmount(): void;
  /** Moves the focus into the form. */
  focus(): void;
}

/**
 * Puts a session's card form into an element, or the first one that a selector finds.
 *
 * @throws TypeError without an element, or when `url` is no http or https address.
 */
export function mount(place: Element | string, options: VezneOptions): VezneMount;

export interface VezneSdk {
  readonly version: string;
  mount: typeof mount;
}

declare const Vezne: VezneSdk;
export default Vezne;

/** `<vezne-card session-url="…">` */
export interface VezneCardElement extends HTMLElement {
  focus(): void;
}

declare global {
  /** What the classic script defines. */
  interface Window {
    Vezne: VezneSdk;
  }
  interface HTMLElementTagNameMap {
    'vezne-card': VezneCardElement;
  }
  interface HTMLElementEventMap {
    'vezne-ready': CustomEvent<undefined>;
    'vezne-result': CustomEvent<VezneResult>;
    'vezne-error': CustomEvent<VezneError>;
    'vezne-height': CustomEvent<number>;
  }
}
