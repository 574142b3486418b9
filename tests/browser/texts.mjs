// The page's own words, so that the tests read them from where the page does.
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../../static/locales/', import.meta.url);
const read = (file) => [file.replace('.json', ''), JSON.parse(readFileSync(new URL(file, folder)))];

// By language: each file is one.
export const texts = Object.fromEntries(readdirSync(folder).map(read));

export const shopTexts = {
  tr: {
    pay: 'Kartla öde', payPosted: 'Öde ve formla dön', payEmbedded: 'Bu siteden ayrılmadan öde', thanks: 'Teşekkürler!', verified: 'geldi, imzası doğrulandı',
    canceled: 'Ödemeden vazgeçtiniz', notPaid: 'Ödeme tamamlanmadı',
    untrusted: 'Tarayıcınız kart sayfasının sertifikasını henüz tanımıyor',
  },
  en: {
    pay: 'Pay by card', payPosted: 'Pay and come back by form', payEmbedded: 'Pay without leaving this site', thanks: 'Thank you!', verified: 'arrived, signature verified',
    canceled: 'You left the payment', notPaid: 'The payment was not completed',
    untrusted: 'Your browser does not trust the card page\'s certificate yet',
  },
  ar: {
    pay: 'الدفع بالبطاقة', thanks: 'شكرًا لك!', verified: 'وصل، وتم التحقق من توقيعه',
    canceled: 'لقد ألغيت الدفع', notPaid: 'لم يكتمل الدفع',
    untrusted: 'متصفحك لا يعرف شهادة صفحة البطاقة بعد',
  },
};

// A text with its places filled in.
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
