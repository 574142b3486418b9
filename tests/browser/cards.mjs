// The sandbox's cards by what they do (src/sandbox/magic.rs).
const card = (number, expiry = '11/40', cvv = '313') => ({ number, expiry, cvv });

export const visa = card('4355093000777068');
export const mastercard = card('5526080000000006');
export const troy = card('9792072000017956');
export const amex = card('374427000000003', '11/40', '3131');
export const refused = card('4508034501000002');
export const refusedWithMarkup = card('4508034502000001');
export const withoutFunds = card('4508034503000000');
export const refusedEchoingCard = card('4508034504000009');
export const serverError = card('4508034509000004');
export const stalling = card('4508034508000005');

