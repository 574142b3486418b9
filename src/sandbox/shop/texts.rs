//! What the shop says, in Turkish, English and Arabic.

use serde::Deserialize;

/// A language of the shop.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    /// Turkish.
    #[default]
    Tr,
    /// English.
    En,
    /// Arabic.
    Ar,
}

/// Tag (BCP 47), own name and texts of each, in the order of the enum.
const LANGUAGES: [(Language, &str, &str, &Texts); 3] = [
    (Language::Tr, "tr", "Türkçe", &TURKISH),
    (Language::En, "en", "English", &ENGLISH),
    (Language::Ar, "ar", "العربية", &ARABIC),
];

impl Language {
    /// The language's tag (BCP 47).
    pub fn code(self) -> &'static str {
        LANGUAGES[self as usize].1
    }

    /// `ltr` or `rtl`.
    pub fn dir(self) -> &'static str {
        if self == Self::Ar { "rtl" } else { "ltr" }
    }

    /// Tag and own name of each language.
    pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
        LANGUAGES.iter().map(|(_, tag, name, _)| (*tag, *name))
    }

    /// The first of a browser's languages that the shop has.
    pub fn preferred(accept_language: &str) -> Self {
        let known = |tag: &str| {
            let tag = tag.trim().to_ascii_lowercase();
            LANGUAGES.iter().find(|(_, known, ..)| tag.starts_with(known)).map(|(language, ..)| *language)
        };
        accept_language.split(',').find_map(known).unwrap_or_default()
    }

    /// The shop's texts.
    pub fn texts(self) -> &'static Texts {
        LANGUAGES[self as usize].3
    }
}

/// Every text of the shop.
pub(super) struct Texts {
    pub shop: &'static str,
    pub demo: &'static str,
    pub gallery: &'static str,
    pub product: &'static str,
    pub description: &'static str,
    pub price: &'static str,
    pub pay: &'static str,
    pub other_ways: &'static str,
    pub pay_posted: &'static str,
    pub pay_embedded: &'static str,
    pub test_cards: &'static str,
    pub any_expiry: &'static str,
    pub untrusted: &'static str,
    pub untrusted_why: &'static str,
    pub untrusted_open: &'static str,
    pub untrusted_import: &'static str,
    pub untrusted_again: &'static str,
    pub thanks: &'static str,
    pub paid: &'static str,
    pub order: &'static str,
    pub card: &'static str,
    pub token: &'static str,
    pub callback: &'static str,
    pub callback_waiting: &'static str,
    pub callback_verified: &'static str,
    pub back: &'static str,
    pub canceled: [&'static str; 2],
    pub not_paid: [&'static str; 2],
    pub not_genuine: [&'static str; 2],
    pub unavailable: [&'static str; 2],
}

const TURKISH: Texts = Texts {
    shop: "Demo Kahve",
    demo: "Gösterim mağazası: gerçek para ve gerçek kart yoktur.",
    gallery: "Kart sayfasının bütün halleri",
    product: "Bakır kahve seti",
    description: "Elde dövülmüş iki kişilik bakır cezve ve fincan. 250\u{a0}g taze çekilmiş Türk kahvesiyle birlikte gelir.",
    price: "249,90 ₺",
    pay: "Kartla öde",
    other_ways: "Aynı ödemenin başka iki yolu, geliştiriciler için:",
    pay_posted: "Öde ve formla dön",
    pay_embedded: "Bu siteden ayrılmadan öde",
    test_cards: "Deneme kartları",
    any_expiry: "İleri bir son kullanma tarihi ve herhangi bir güvenlik kodu girin.",
    untrusted: "Tarayıcınız kart sayfasının sertifikasını henüz tanımıyor",
    untrusted_why: "Kart sayfası bu bilgisayarda üretilmiş bir geliştirme sertifikası kullanıyor. İki yoldan biriyle tanıtın:",
    untrusted_open: "Kart sayfasını bir kez açın, tarayıcının uyarısını kabul edin ve buraya dönün:",
    untrusted_import: "Ya da geliştirme sertifika otoritesini tarayıcınıza ekleyin (yalnızca bu bilgisayarın adresleri için geçerlidir):",
    untrusted_again: "Yeniden dene",
    thanks: "Teşekkürler!",
    paid: "Siparişiniz alındı. Kart numaranız mağazaya hiç ulaşmadı; elimizde yalnızca bu jeton var.",
    order: "Sipariş",
    card: "Kart",
    token: "Kart jetonu",
    callback: "Geri çağrı",
    callback_waiting: "bekleniyor…",
    callback_verified: "geldi, imzası doğrulandı",
    back: "Mağazaya dön",
    canceled: ["Ödemeden vazgeçtiniz", "Kartınızdan bir şey alınmadı."],
    not_paid: ["Ödeme tamamlanmadı", "Kart kabul edilmedi ya da süre doldu. Yeniden deneyebilirsiniz."],
    not_genuine: ["Bu dönüş doğrulanamadı", "İmza tutmuyor ya da sipariş bu mağazanın değil."],
    unavailable: ["Kart sayfasına ulaşılamıyor", "Biraz sonra yeniden deneyin."],
};

const ENGLISH: Texts = Texts {
    shop: "Demo Kahve",
    demo: "A demonstration: no real money, no real cards.",
    gallery: "The card page in every state",
    product: "Copper coffee set",
    description: "A hand-hammered copper pot and cups for two, with 250\u{a0}g of freshly ground Turkish coffee.",
    price: "₺249.90",
    pay: "Pay by card",
    other_ways: "Two more ways to do the same, for developers:",
    pay_posted: "Pay and come back by form",
    pay_embedded: "Pay without leaving this site",
    test_cards: "Test cards",
    any_expiry: "Any future expiry date and any security code will do.",
    untrusted: "Your browser does not trust the card page's certificate yet",
    untrusted_why: "The card page uses a development certificate made on this computer. Make it known in one of two ways:",
    untrusted_open: "Open the card page once, accept the browser's warning, and come back:",
    untrusted_import: "Or import the development certificate authority (it is valid for this computer's own addresses only):",
    untrusted_again: "Try again",
    thanks: "Thank you!",
    paid: "Your order is placed. Your card number never reached this shop; all we have is this token.",
    order: "Order",
    card: "Card",
    token: "Card token",
    callback: "Callback",
    callback_waiting: "waiting…",
    callback_verified: "arrived, signature verified",
    back: "Back to the shop",
    canceled: ["You left the payment", "Nothing was taken from your card."],
    not_paid: ["The payment was not completed", "The card was refused or time ran out. You can try again."],
    not_genuine: ["This return could not be verified", "The signature does not fit, or the order is not this shop's."],
    unavailable: ["The card page cannot be reached", "Try again in a little while."],
};

const ARABIC: Texts = Texts {
    shop: "Demo Kahve",
    demo: "متجر تجريبي: لا أموال حقيقية ولا بطاقات حقيقية.",
    gallery: "صفحة البطاقة بجميع حالاتها",
    product: "طقم قهوة نحاسي",
    description: "ركوة نحاسية مطروقة يدويًا وفناجين لشخصين، مع 250\u{a0}غ من القهوة التركية المطحونة حديثًا.",
    price: "249.90\u{a0}₺",
    pay: "الدفع بالبطاقة",
    other_ways: "طريقتان أخريان للدفع نفسه، للمطوّرين:",
    pay_posted: "الدفع والعودة عبر نموذج",
    pay_embedded: "الدفع دون مغادرة هذا الموقع",
    test_cards: "بطاقات الاختبار",
    any_expiry: "أدخل أي تاريخ انتهاء في المستقبل وأي رمز أمان.",
    untrusted: "متصفحك لا يعرف شهادة صفحة البطاقة بعد",
    untrusted_why: "تستخدم صفحة البطاقة شهادة تطوير أُنشئت على هذا الحاسوب. عرّف متصفحك بها بإحدى طريقتين:",
    untrusted_open: "افتح صفحة البطاقة مرة واحدة، واقبل تحذير المتصفح، ثم عُد إلى هنا:",
    untrusted_import: "أو أضف مرجع شهادات التطوير إلى متصفحك (صالح لعناوين هذا الحاسوب فقط):",
    untrusted_again: "إعادة المحاولة",
    thanks: "شكرًا لك!",
    paid: "تم استلام طلبك. لم يصل رقم بطاقتك إلى المتجر، وكل ما لدينا هو هذا الرمز المميز.",
    order: "الطلب",
    card: "البطاقة",
    token: "الرمز المميز للبطاقة",
    callback: "الإشعار",
    callback_waiting: "في الانتظار…",
    callback_verified: "وصل، وتم التحقق من توقيعه",
    back: "العودة إلى المتجر",
    canceled: ["لقد ألغيت الدفع", "لم يُؤخذ شيء من بطاقتك."],
    not_paid: ["لم يكتمل الدفع", "رُفضت البطاقة أو انتهت المهلة. يمكنك المحاولة مرة أخرى."],
    not_genuine: ["تعذّر التحقق من هذه العودة", "التوقيع غير مطابق، أو أن الطلب ليس لهذا المتجر."],
    unavailable: ["تعذّر الوصول إلى صفحة البطاقة", "حاول مرة أخرى بعد قليل."],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_first_known_language_wins() {
        for (header, language) in [
            ("", Language::Tr),
            ("en-US,en;q=0.9", Language::En),
            ("de, tr;q=0.8, en;q=0.7", Language::Tr),
            ("ar-SA,en;q=0.5", Language::Ar),
            ("fr", Language::Tr),
        ] {
            assert_eq!(Language::preferred(header), language, "{header}");
        }
    }
}
