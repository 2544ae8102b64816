//! What the targets of the wire vocabulary do with bytes: texts that anyone may have written.

use super::round_trip;
use hyperv_replica::cim::text::{self, Form, Reader, write};
use hyperv_replica::cim::wql::{self, Query};
use hyperv_replica::cim::{DateTime, Instance, ObjectPath, Schema};

/// MOF that is read is a schema in which every class is found, and extends what is in it.
///
/// There is no printer of MOF. What is bounded is shown by what is there: no more than was written.
pub fn mof(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(schema) = Schema::parse(&[text]) else { return };
    assert!(schema.classes().len() <= text.len());
    for class in schema.classes() {
        assert_eq!(schema.class(class.name.as_str()), Some(class));
        let above = schema.derivation(class.name.as_str()).count();
        assert!((1..=schema.classes().len()).contains(&above), "{} extends itself", class.name);
        assert!(class.properties.len() + class.methods.len() <= text.len() * above);
    }
}

/// A query that is read is printed as a text that is read as the same query, whether or not it is
/// one of the schema; and it can be asked of an instance.
pub fn wql(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(query) = wql::parse_unchecked(text) else { return };
    let printed = query.to_string();
    match wql::parse_unchecked(&printed) {
        Ok(again) => assert_eq!(again, query, "printed as {printed}"),
        Err(error) => panic!("{query:?} is printed as {printed}: {error}"),
    }
    assert_eq!(wql::parse_unchecked(&printed).map(|it| it.to_string()).ok(), Some(printed));
    let schema = Schema::virtualization();
    if let Ok(Query::Select(select)) = wql::parse(text, schema) {
        let _ = select.selects(&Instance::new(&select.class).with("Name", "web"), schema);
    }
}

/// A path that is read is printed as a text that is read as the same path.
pub fn path(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    round_trip::<ObjectPath>(text);
}

/// A `datetime` that is read is printed as a text that is read as the same one.
pub fn datetime(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    round_trip::<DateTime>(text);
}

/// The text of an instance, in UTF-8 or UTF-16, that is read is written in either form as a text
/// that is read as the same instance. Only the second form has a place for its path.
pub fn instance(bytes: &[u8]) {
    let schema = Schema::virtualization();
    let given = text::decode(bytes);
    for reader in [Reader::new(schema), Reader::new(schema).tolerant()] {
        let Ok(instance) = reader.read(&given) else { continue };
        for form in [Form::CimDtd20, Form::WmiDtd20] {
            let mut expected = instance.clone();
            if form == Form::CimDtd20 {
                expected.path = None;
            }
            let written = write(&expected, schema, form);
            match Reader::new(schema).read(&written) {
                // No number is the same as one that is none, but it is shown alike.
                Ok(again) => assert_eq!(format!("{again:?}"), format!("{expected:?}"), "{written}"),
                Err(error) => panic!("{expected:?} is written as {written}: {error}"),
            }
        }
    }
}
