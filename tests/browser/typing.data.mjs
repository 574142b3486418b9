// What is typed, and what the field shows then; | is the caret. Each step is
// text to type, or one of: {press}, {caret} (a place to go to), {paste}, {all} (select all).
const all = { all: true };
const caret = (place) => ({ caret: place });
const press = (key) => ({ press: key });
const paste = (text) => ({ paste: text });
const visa = '4355093000777068';

export const typing = [
  { field: 'cardNumber', what: 'groups of four', steps: [visa], shows: '4355 0930 0077 7068|' },
  { field: 'cardNumber', what: 'Amex 4-6-5', steps: ['374427000000003'], shows: '3744 270000 00003|' },
  { field: 'cardNumber', what: 'letters are left out', steps: ['4355x0930'], shows: '4355 0930|' },
  { field: 'cardNumber', what: 'at most 19 digits', steps: ['12345678901234567890123'], shows: '1234 5678 9012 3456 789|' },
  { field: 'cardNumber', what: 'insert in the middle', steps: ['435509300077706', caret(6), '8'], shows: '4355 08|93 0007 7706' },
  { field: 'cardNumber', what: 'insert at a gap', steps: ['43550930', caret(5), '1'], shows: '4355 1|093 0' },
  { field: 'cardNumber', what: 'a full field takes no more in front', steps: ['1234567890123456789', caret(0), '9'], shows: '|1234 5678 9012 3456 789' },
  { field: 'cardNumber', what: 'backspace across a gap', steps: [visa, caret(5), press('Backspace')], shows: '435|0 9300 0777 068' },
  { field: 'cardNumber', what: 'delete across a gap', steps: [visa, caret(4), press('Delete')], shows: '4355| 9300 0777 068' },
  { field: 'cardNumber', what: 'paste with dashes', steps: [paste('4355-0930 0077 7068')], shows: '4355 0930 0077 7068|' },
  { field: 'cardNumber', what: 'paste in the middle', steps: ['43557068', caret(4), paste('0930-0077')], shows: '4355 0930 0077| 7068' },
  { field: 'cardNumber', what: 'type over a selection that holds a gap', steps: [visa, caret(2), press('Shift+ArrowRight'), press('Shift+ArrowRight'), press('Shift+ArrowRight'), '9'], shows: '439|0 9300 0777 068' },
  { field: 'cardNumber', what: 'delete a whole group', steps: ['43550930', press('Control+Backspace')], shows: '4355|' },
  { field: 'cardNumber', what: 'an Amex becomes another card', steps: ['374427000000003', all, '4'], shows: '4|' },
  { field: 'cardNumber', what: 'insert into an Amex', steps: ['37442700000000', caret(5), '9'], shows: '3744 9|27000 00000' },
  { field: 'cardNumber', what: 'Arabic keyboard', steps: ['٤٣٥٥٠'], shows: '4355 0|' },
  { field: 'cardNumber', what: 'Persian keyboard', steps: ['۴۳۵۵۰'], shows: '4355 0|' },
  { field: 'cardNumber', what: 'paste with marks of direction', steps: [paste('\u202b4355 0930\u202c\u200f')], shows: '4355 0930|' },
  { field: 'cardNumber', what: 'paste over what was there', steps: ['999', all, paste('4355-0930 0077 7068')], shows: '4355 0930 0077 7068|' },
  { field: 'cardNumber', what: 'paste in Arabic digits', steps: [paste('٤٣٥٥ ٠٩٣٠ ٠٠٧٧ ٧٠٦٨')], shows: '4355 0930 0077 7068|' },
  { field: 'cardNumber', what: 'undo a deletion', steps: [visa, press('Backspace'), press('Control+z')], shows: '4355 0930 0077 7068|' },
  { field: 'cardNumber', what: 'undo a paste', steps: ['4355', paste('0930'), press('Control+z')], shows: '4355|' },
  { field: 'cardNumber', what: 'undo and redo', steps: [visa, press('Control+z'), press('Control+z'), press('Control+Shift+z')], shows: '4355 0930 0077 706|' },
  { field: 'cardNumber', what: 'select all and delete', steps: [visa, all, press('Delete')], shows: '|' },

  { field: 'expiry', what: 'a 1 waits', steps: ['1'], shows: '1|' },
  { field: 'expiry', what: 'a full month gets its slash', steps: ['12'], shows: '12/|' },
  { field: 'expiry', what: 'a month of one digit gets its zero', steps: ['9'], shows: '09/|' },
  { field: 'expiry', what: 'a slash ends the month', steps: ['1/40'], shows: '01/40|' },
  { field: 'expiry', what: 'digits alone', steps: ['1140'], shows: '11/40|' },
  { field: 'expiry', what: 'an own slash is not doubled', steps: ['11/40'], shows: '11/40|' },
  { field: 'expiry', what: 'spaces around the slash', steps: ['11 / 40'], shows: '11/40|' },
  { field: 'expiry', what: '13 is January of 203x', steps: ['13'], shows: '01/3|' },
  { field: 'expiry', what: 'backspace takes the slash, too', steps: ['12', press('Backspace')], shows: '1|' },
  { field: 'expiry', what: 'a month is mended', steps: ['1140', caret(1), press('Backspace'), '0'], shows: '0|1/40' },
  { field: 'expiry', what: 'Arabic keyboard', steps: ['١١٤٠'], shows: '11/40|' },
  { field: 'expiry', what: 'paste a full year', steps: [paste('11/2040')], shows: '11/2040|' },
  { field: 'expiry', what: 'paste the year first', steps: [paste('2040-11')], shows: '11/2040|' },
  { field: 'expiry', what: 'undo', steps: ['1140', press('Control+z')], shows: '11/4|' },

  { field: 'cvv', what: 'digits only', steps: ['3a1b3'], shows: '313|' },
  { field: 'cvv', what: 'Persian keyboard', steps: ['۳۱۳'], shows: '313|' },
  { field: 'cvv', what: 'no more than four', steps: ['31345'], shows: '3134|' },
];

// What an expiry date is once the field is left.
export const settling = [
  { typed: '1140', shows: '11/40' },
  { typed: '1/40', shows: '01/40' },
  { typed: '11 / 2040', shows: '11/40' },
  { typed: '112040', shows: '11/40' },
  { pasted: '11 / 2040', shows: '11/40' },
  { pasted: '11-40', shows: '11/40' },
  { pasted: '2040-11', shows: '11/40' },
  { pasted: '2040/7', shows: '07/40' },
  { pasted: '١١/٢٠٤٠', shows: '11/40' },
  { pasted: '۱۱ / ۴۰', shows: '11/40' },
  { typed: '12/40', shows: '12/40' },
  { pasted: '2040', shows: '02/040' },
];

// Which brand a beginning shows; null where it may still be several.
export const brands = [
  ['4', 'visa'], ['5', null], ['50', 'maestro'], ['52', 'mastercard'], ['2221', 'mastercard'], ['6', null], ['60', null],
  ['6011', 'discover'], ['62', 'unionpay'], ['65', 'troy'], ['67', 'maestro'], ['9', null], ['9792', 'troy'],
  ['3', null], ['34', 'amex'], ['3528', 'jcb'], ['36', 'diners'],
];

// What browsers and password managers fill in, and what the field shows once it is left.
export const filledIn = [
  { field: 'cardNumber', value: '4355093000777068', shows: '4355 0930 0077 7068' },
  { field: 'cardNumber', value: '4355-0930-0077-7068', shows: '4355 0930 0077 7068' },
  { field: 'cardNumber', value: '374427000000003', shows: '3744 270000 00003' },
  { field: 'expiry', value: '11/40', shows: '11/40' },
  { field: 'expiry', value: '11/2040', shows: '11/40' },
  { field: 'expiry', value: '1140', shows: '11/40' },
  { field: 'expiry', value: '2040-11', shows: '11/40' },
  { field: 'expiry', value: '11 / 40', shows: '11/40' },
  { field: 'cvv', value: '313', shows: '313' },
];

// Numbers that no range or several ranges may hold: never refused for their brand.
export const brandless = ['1000000000000008', '2721000000000004', '9000000000000001'];

// What is posted, whatever was typed: {cardNumber, expiry, cvv}.
export const posted = [
  { typed: { number: '4355-0930-0077-7068', expiry: '1/40', cvv: '313' }, sent: { cardNumber: '4355 0930 0077 7068', expiry: '01/40', cvv: '313' } },
  { typed: { number: '374427000000003', expiry: '11 / 2040', cvv: '3131' }, sent: { cardNumber: '3744 270000 00003', expiry: '11/40', cvv: '3131' } },
];
