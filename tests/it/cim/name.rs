//! Names, which are the same whatever their case.

use hyperv_replica::cim::{Name, Schema};
use proptest::prelude::*;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a name is compared by, in as many words.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn hash(name: &Name) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// Texts that are often the same but for case: of a few characters, among which are some that fold to
/// another number of bytes, or to ASCII.
fn texts() -> impl Strategy<Value = String> {
    let letters =
        prop::sample::select(vec!["a", "A", "_", "k", "K", "\u{212A}", "é", "É", "İ", "i̇", "€"]);
    prop::collection::vec(letters, 0..6).prop_map(|it| it.concat())
}

proptest! {
    #[test]
    fn names_are_compared_by_what_they_fold_to(a in texts(), b in texts()) {
        let (left, right) = (Name::from(a.as_str()), Name::from(b.as_str()));
        let order = folded(&a).chars().cmp(folded(&b).chars());
        prop_assert_eq!(left.cmp(&right), order);
        prop_assert_eq!(left == right, order.is_eq());
        prop_assert_eq!(left == *b, order.is_eq());
        prop_assert!(order.is_ne() || hash(&left) == hash(&right));
    }
}

#[test]
fn a_name_of_the_program_is_one_like_any_other() {
    const NAME: Name = Name::from_static("ElementName");
    let heard = Name::from("elementNAME".to_owned());
    assert_eq!(NAME, heard);
    assert_eq!(NAME.to_string(), "ElementName");
    assert_eq!(hash(&NAME), hash(&heard));
}

/// Every class, property and method is found by its name in either case, and no other is.
#[test]
fn what_is_declared_is_found_by_its_name() {
    let schema = Schema::virtualization();
    for class in schema.classes() {
        for name in [class.name.as_str().to_uppercase(), class.name.as_str().to_lowercase()] {
            assert!(schema.class(&name).is_some_and(|it| std::ptr::eq(it, class)), "{name}");
        }
        for property in &class.properties {
            let name = property.name.as_str().to_uppercase();
            assert!(class.property(&name).is_some_and(|it| std::ptr::eq(it, property)), "{name}");
            assert_eq!(class.property(&format!("{name}2")), None);
        }
        for method in &class.methods {
            let name = method.name.as_str().to_lowercase();
            assert!(class.method(&name).is_some_and(|it| std::ptr::eq(it, method)), "{name}");
        }
        assert_eq!(class.property(""), None);
    }
    assert_eq!(schema.class("Msvm_Nothing"), None);
}

/// Each class stands in front of the one that it says it extends, up to one that extends none, or one
/// that the build does not have.
#[test]
fn a_class_is_what_it_extends() {
    for schema in [Schema::virtualization(), &Schema::virtualization().of_build(9200)] {
        for class in schema.classes() {
            let line: Vec<_> = schema.derivation(class.name.as_str()).collect();
            assert!(std::ptr::eq(line[0], class));
            for pair in line.windows(2) {
                assert_eq!(pair[0].superclass.as_ref(), Some(&pair[1].name));
            }
            let beyond = line.last().unwrap().superclass.as_ref();
            assert!(beyond.is_none_or(|it| schema.class(it.as_str()).is_none()), "{}", class.name);
            let is = |other: &&hyperv_replica::cim::Class| {
                schema.is_a(&class.name.as_str().to_uppercase(), other.name.as_str())
            };
            assert_eq!(schema.classes().filter(is).count(), line.len(), "{}", class.name);
        }
    }
}
