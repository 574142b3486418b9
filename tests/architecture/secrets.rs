//! Types that hold a secret cannot be printed, serialized or copied by accident.
//! Checked by the compiler: a type that gains such a trait stops this file.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;
use vezne::card::{Card, Cvv, Pan};
use vezne::handoff::SignedResult;
use vezne::hardening::{Mac, MasterKey, MasterKeys, Sealer, SecretText};
use vezne::intake::FormTokens;
use vezne::merchant::ApiKey;
use vezne::provider::cardwall::CardWallKeys;
use vezne::provider::{CardToken, Credentials, SecretKey};
use vezne::saved_card::{IdentityNumber, NewInsuranceCard, RelationalId, RelationalIds, SavedCard};

/// Whether a type has a trait. An inherent constant, which is there only with
/// the trait, goes before one of a trait that every type has.
macro_rules! implements {
    ($type:ty: $trait:path) => {{
        struct Probe<T>(PhantomData<T>);
        #[allow(dead_code, reason = "there for types without the trait only")]
        trait Otherwise {
            const HOLDS: bool = false;
        }
        impl<T> Otherwise for Probe<T> {}
        #[allow(dead_code, reason = "there for types with the trait only")]
        impl<T: $trait> Probe<T> {
            const HOLDS: bool = true;
        }
        <Probe<$type>>::HOLDS
    }};
}

macro_rules! keeps_to_itself {
    ($($type:ty),+ $(,)?) => {
        $(const _: () = {
            assert!(!implements!($type: Debug));
            assert!(!implements!($type: Display));
            assert!(!implements!($type: serde::Serialize));
            assert!(!implements!($type: Clone));
        };)+
    };
}

keeps_to_itself!(
    ApiKey,
    Card,
    CardToken,
    Credentials,
    CardWallKeys,
    Cvv,
    FormTokens,
    IdentityNumber,
    Mac,
    MasterKey,
    MasterKeys,
    NewInsuranceCard,
    Pan,
    RelationalId,
    RelationalIds,
    SavedCard,
    Sealer,
    SecretKey,
    SecretText,
    SignedResult,
);

#[test]
fn what_looks_for_traits_finds_them() {
    struct Plain;
    assert!(implements!(String: Debug) && implements!(String: Display) && implements!(String: Clone));
    assert!(implements!(String: serde::Serialize));
    assert!(!implements!(Plain: Debug) && !implements!(Plain: serde::Serialize));
    let _ = Plain;
}
