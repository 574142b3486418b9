// What happens to typed text: pure functions that know no page. The rules are
// those of src/card, and the brand table is handed in.
'use strict';
const Typing = (() => {
  const MOST_DIGITS = 19;
  const FEWEST_DIGITS = 12;
  const MOST_YEARS_AHEAD = 20;

  // Arabic-Indic, Persian and full-width digits carry their value in the last four bits.
  const plain = (text) => text.replace(/[٠-٩۰-۹０-９]/g, (digit) => digit.charCodeAt(0) & 15);
  const digitsOf = (text) => plain(text).replace(/\D/g, '');

  // The table's brand for the digits so far: the first row that holds them,
  // unless an earlier row of another brand still may once more digits are there.
  function brandOf(digits, ranges) {
    let possible = null;
    for (const [low, high, brand] of ranges) {
      const length = Math.min(low.length, digits.length);
      const start = digits.slice(0, length);
      if (start < low.slice(0, length) || start > high.slice(0, length)) continue;
      if (possible !== null && possible !== brand) return 'unknown';
      if (length === low.length) return brand;
      possible = brand;
    }
    return 'unknown';
  }

  function group(digits, sizes) {
    const parts = [];
    let rest = digits;
    for (const size of sizes) {
      if (rest !== '') parts.push(rest.slice(0, size));
      rest = rest.slice(size);
    }
    if (rest !== '') parts.push(rest);
    return parts.join(' ');
  }

  // The place in a text behind its n-th digit.
  function behind(text, count) {
    let place = 0;
    for (let seen = 0; seen < count && place < text.length; place += 1) {
      if (/\d/.test(text[place])) seen += 1;
    }
    return place;
  }

  // Digits before and behind the caret after an edit. Where only a gap of ours
  // was deleted, the digit beside it was meant.
  function split(before, edit) {
    let head = digitsOf(edit.value.slice(0, edit.caret));
    let tail = digitsOf(edit.value.slice(edit.caret));
    if (/^delete(Content|Word)/.test(edit.type) && digitsOf(before) === head + tail && before !== edit.value) {
      if (edit.type.endsWith('Forward')) tail = tail.slice(1);
      else head = head.slice(0, -1);
    }
    return [head, tail];
  }

  // A card number after an edit {value, caret, type}: grouped, the caret behind
  // the digit it was behind. What does not fit is left out of what was put in.
  function cardNumber(before, edit, groupsOf) {
    let [head, tail] = split(before, edit);
    const surplus = head.length + tail.length - MOST_DIGITS;
    if (surplus > 0) head = head.slice(0, Math.max(0, head.length - surplus));
    const digits = (head + tail).slice(0, MOST_DIGITS);
    const value = group(digits, groupsOf(digits));
    return { value, caret: behind(value, head.length) };
  }

  // Month and year of a text in progress, as [month, year, whether divided].
  function monthAndYear(text) {
    // As browsers fill it in: 2040-11.
    const filled = /^\D*(20\d\d)\D+(0?[1-9]|1[0-2])\D*$/.exec(plain(text));
    if (filled) return [filled[2].padStart(2, '0'), filled[1], true];
    const [, first, divider, rest] = /^\D*(\d*)(\D*)(.*)$/.exec(plain(text));
    const digits = first + digitsOf(rest);
    if (divider !== '' && first.length === 1 && first !== '0') return ['0' + first, digits.slice(1), true];
    if (divider !== '' && first.length === 2) return [first, digits.slice(2), true];
    const short = digits[0] > '1' || (digits[0] === '1' && digits[1] > '2');
    const month = short ? '0' + digits[0] : digits.slice(0, 2);
    return [month, digits.slice(short ? 1 : 2), month.length === 2];
  }

  // An expiry date after an edit. While it grows it gets its zero and its
  // slash; while it shrinks it is left alone, so that a month can be mended.
  function expiry(before, edit) {
    const [head, tail] = split(before, edit);
    if (edit.type.startsWith('delete')) {
      const untouched = digitsOf(edit.value) === head + tail;
      const mended = tail === '' ? head : head + '/' + tail;
      const value = untouched ? plain(edit.value).replace(/[^\d/]/g, '') : mended;
      return { value, caret: untouched ? edit.caret : head.length };
    }
    const [month, year, divided] = monthAndYear(edit.value);
    if (year.length > 4) return { value: before, caret: Math.min(before.length, Math.max(0, edit.caret - 1)) };
    const value = divided ? month + '/' + year : month;
    const added = digitsOf(value).length - head.length - tail.length;
    const caret = tail === '' ? value.length : behind(value, head.length + (head === '' ? 0 : added));
    return { value, caret };
  }

  // How an expiry date is written when it is complete: 11/2040 is 11/40.
  function settledExpiry(text) {
    const [month, year] = monthAndYear(text);
    return /^20\d\d$/.test(year) ? month + '/' + year.slice(2) : month + (year === '' ? '' : '/' + year);
  }

  // Digits only, as many as the longest code.
  function code(before, edit, most) {
    let [head, tail] = split(before, edit);
    head = head.slice(0, Math.max(0, most - tail.length));
    return { value: (head + tail).slice(0, most), caret: head.length };
  }

  function passesLuhn(digits) {
    const sum = [...digits].reverse().reduce((total, digit, place) => {
      const value = Number(digit) * (1 + (place % 2));
      return total + (value > 9 ? value - 9 : value);
    }, 0);
    return sum % 10 === 0;
  }

  // What is wrong with a field, as the name of its text; null when nothing is.
  function numberProblem(text) {
    const digits = digitsOf(text);
    if (digits === '') return 'empty';
    if (digits.length < FEWEST_DIGITS || digits.length > MOST_DIGITS) return 'length';
    return passesLuhn(digits) ? null : 'checksum';
  }

  function expiryProblem(text, [thisYear, thisMonth]) {
    if (digitsOf(text) === '') return 'empty';
    const parts = /^(0[1-9]|1[0-2])\/(\d\d)$/.exec(settledExpiry(text));
    if (!parts) return 'format';
    const [month, year] = [Number(parts[1]), thisYear - (thisYear % 100) + Number(parts[2])];
    if (year < thisYear || (year === thisYear && month < thisMonth)) return 'expired';
    return year > thisYear + MOST_YEARS_AHEAD ? 'tooFar' : null;
  }

  function codeProblem(text, lengths) {
    const digits = digitsOf(text);
    if (digits === '') return 'empty';
    return lengths.includes(digits.length) ? null : 'length';
  }

  return { brandOf, digitsOf, cardNumber, expiry, settledExpiry, code, passesLuhn, numberProblem, expiryProblem, codeProblem };
})();
