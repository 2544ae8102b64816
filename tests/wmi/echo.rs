//! Every shape of parameter goes out and comes back as it was.

use crate::table::{Table, echo, point};
use hyperv_replica::cim::{
    Array, Char16, CimClient, CimType, Instance, ObjectPath, Type, Value, WbemStatus,
};
use hyperv_replica::wmi::Options;

fn text(of: CimType, text: &str) -> Value {
    Value::from_text(of, text).unwrap_or_else(|| panic!("{text} is no {}", of.name()))
}

/// Values of a type, those at its limits among them.
fn samples(of: CimType) -> Vec<Value> {
    let texts = |all: &[&str]| all.iter().map(|it| text(of, it)).collect();
    match of {
        CimType::Boolean => vec![Value::Boolean(true), Value::Boolean(false)],
        CimType::Sint8 => vec![Value::Sint8(i8::MIN), Value::Sint8(i8::MAX)],
        CimType::Uint8 => vec![Value::Uint8(0), Value::Uint8(u8::MAX)],
        CimType::Sint16 => vec![Value::Sint16(i16::MIN), Value::Sint16(i16::MAX)],
        CimType::Uint16 => vec![Value::Uint16(0), Value::Uint16(32775), Value::Uint16(u16::MAX)],
        CimType::Sint32 => vec![Value::Sint32(i32::MIN), Value::Sint32(i32::MAX)],
        CimType::Uint32 => vec![Value::Uint32(0), Value::Uint32(1 << 31), Value::Uint32(u32::MAX)],
        CimType::Sint64 => vec![Value::Sint64(i64::MIN), Value::Sint64(i64::MAX)],
        CimType::Uint64 => vec![Value::Uint64(0), Value::Uint64(1 << 63), Value::Uint64(u64::MAX)],
        CimType::Real32 => vec![Value::Real32(f32::MIN), Value::Real32(f32::MIN_POSITIVE)],
        CimType::Real64 => vec![Value::Real64(-1.25e300), Value::Real64(0.1)],
        CimType::Char16 => [0x41, 0xD800, 0xFFFF].map(|it| Value::Char16(Char16(it))).to_vec(),
        CimType::String => texts(&["", "n\u{e4}me \u{1F600} \0 end", r#"<X A="\\">"#]),
        CimType::DateTime => texts(&["00000000000130.000000:000", "20240101183000.000001-300"]),
        CimType::Reference => {
            texts(&["Test_Point", r#"\\HOST\root\v2:Test_Point.InstanceID="a\\\"b",X=-1"#])
        }
        CimType::Object => {
            let nested = point("outer", i32::MIN).with("Inner", point("inner", 2));
            vec![point("", -1).into(), nested.into()]
        }
    }
}

fn one(of: CimType) -> String {
    format!("One_{}", of.name())
}

fn many(of: CimType) -> String {
    format!("Many_{}", of.name())
}

/// What is not given arrives as null: WMI cannot tell it from a null that is given.
#[track_caller]
fn arrives(table: &Table, given: &Instance) {
    let heard = table.heard().pop().expect("it was called");
    let mut count = 0;
    for (name, value) in heard.properties() {
        assert_eq!(value, given.get(name.as_str()).unwrap_or(&Value::Null), "{name}");
        count += 1;
    }
    assert_eq!(count, 2 * CimType::ALL.len() + 1, "every parameter is there");
}

#[test]
fn every_shape_goes_there_and_back() {
    let table = Table::default();
    let (client, _) = table.over_com(Options::local());
    for round in 0..3 {
        let mut given = Instance::parameters();
        for of in CimType::ALL {
            let samples = samples(*of);
            given.set(one(*of), samples[round % samples.len()].clone());
            // All of them, none of them, the first of them.
            let len = [samples.len(), 0, 1][round];
            let array = Array::collect(*of, samples.into_iter().take(len)).unwrap();
            given.set(many(*of), Value::Array(array));
        }
        // A mistake in who frees what shows when memory is used again.
        for _ in 0..20 {
            let reply = client.invoke(&echo(), "Echo", &given).unwrap();
            arrives(&table, &given);
            assert_eq!(reply.value, 4096);
            for (name, value) in given.properties() {
                assert_eq!(reply.out.get(name.as_str()), Some(value), "{name}");
            }
            assert_eq!(reply.out.get("Nothing"), Some(&Value::Null));
            assert!(!reply.out.supplies("ReturnValue"));
        }
    }
}

#[test]
fn nothing_and_null_arrive_as_null() {
    let table = Table::default();
    let (client, _) = table.over_com(Options::local());
    let mut nulls = Instance::parameters();
    for of in CimType::ALL {
        nulls.set(one(*of), Value::Null);
        nulls.set(many(*of), Value::Null);
    }
    for given in [Instance::parameters(), nulls] {
        let reply = client.invoke(&echo(), "echo", &given).unwrap();
        arrives(&table, &given);
        assert!(reply.out.properties().all(|(_, value)| value.is_null()));
    }
}

/// The host's class decides of which type an argument is, as it does for scripts.
#[test]
fn arguments_take_the_types_of_the_parameters() {
    let table = Table::default();
    let (client, _) = table.over_com(Options::local());
    let given = Instance::parameters()
        .with("one_uint16", 443_i32)
        .with("One_uint64", 5_u8)
        .with("One_datetime", "00000000000500.000000:000")
        .with("One_reference", "Test_Point.InstanceID='a'")
        .with("Many_uint8", Vec::<String>::new());
    client.invoke(&echo(), "Echo", &given).unwrap();
    let heard = table.heard().pop().unwrap();
    assert_eq!(heard.get("One_uint16"), Some(&Value::Uint16(443)));
    assert_eq!(heard.get("One_uint64"), Some(&Value::Uint64(5)));
    let five = text(CimType::DateTime, "00000000000500.000000:000");
    assert_eq!(heard.get("One_datetime"), Some(&five));
    let path = ObjectPath::class("Test_Point").with("InstanceID", "a");
    assert_eq!(heard.get("One_reference"), Some(&Value::from(path)));
    assert_eq!(heard.get("Many_uint8"), Some(&Value::from(Vec::<u8>::new())));
}

/// A value that does not fit is refused before anything is sent.
#[test]
fn values_that_do_not_fit_are_refused() {
    let table = Table::default();
    let (client, _) = table.over_com(Options::local());
    let number = |it: i64| Value::Sint64(it);
    for (name, value) in [
        ("One_uint8", number(256)),
        ("One_uint8", number(-1)),
        ("One_sint8", number(-129)),
        ("One_uint16", number(65536)),
        ("One_uint16", number(-1)),
        ("One_sint16", number(32768)),
        ("One_uint32", number(1 << 32)),
        ("One_uint32", number(-1)),
        ("One_sint32", number(1 << 31)),
        ("One_uint64", number(-1)),
        ("One_sint64", Value::Uint64(1 << 63)),
        ("One_boolean", number(2)),
        ("One_datetime", Value::from("tomorrow")),
        ("One_reference", Value::from("over there")),
        ("One_object", Value::from("<INSTANCE/>")),
        (
            "One_string",
            Value::from(vec!["many"].into_iter().map(str::to_owned).collect::<Vec<_>>()),
        ),
        ("Many_uint16", Value::Uint16(1)),
        ("Many_uint16", Value::from(vec![0_i32, 65536])),
        ("Many_string", Value::from(point("a", 1))),
    ] {
        let given = Instance::parameters().with(name, value.clone());
        let error = client.invoke(&echo(), "Echo", &given).unwrap_err();
        assert_eq!(error.wbem_status(), Some(WbemStatus::TYPE_MISMATCH), "{name}: {error}");
        assert!(error.to_string().contains(&format!("parameter `{name}`")), "{error}");
    }
    assert!(table.heard().is_empty());
}

#[test]
fn embedded_objects_have_a_class_and_its_properties() {
    let table = Table::default();
    let (client, _) = table.over_com(Options::local());
    let refused = |object: Instance| {
        let given = Instance::parameters().with("One_object", object);
        client.invoke(&echo(), "Echo", &given).unwrap_err().wbem_status()
    };
    assert_eq!(refused(Instance::new("Test_Nothing")), Some(WbemStatus::NOT_FOUND));
    let odd = Instance::new("Test_Point").with("Z", 1_i32);
    assert_eq!(refused(odd), Some(WbemStatus::INVALID_PROPERTY));
    let wrong = Instance::new("Test_Point").with("X", "one");
    assert_eq!(refused(wrong), Some(WbemStatus::TYPE_MISMATCH));
    let mut deep = point("0", 0);
    for at in 1..100 {
        deep = point("0", at).with("Inner", deep);
    }
    assert_eq!(refused(deep), Some(WbemStatus::INVALID_OBJECT));
    assert!(table.heard().is_empty());
}

/// The types of a method are those that COM numbers: a table that is wrong in one place shows here.
#[test]
fn types_have_coms_numbers() {
    use windows::Win32::System::Wmi::*;
    for (of, number) in [
        (CimType::Sint16, CIM_SINT16),
        (CimType::Sint32, CIM_SINT32),
        (CimType::Real32, CIM_REAL32),
        (CimType::Real64, CIM_REAL64),
        (CimType::String, CIM_STRING),
        (CimType::Boolean, CIM_BOOLEAN),
        (CimType::Object, CIM_OBJECT),
        (CimType::Sint8, CIM_SINT8),
        (CimType::Uint8, CIM_UINT8),
        (CimType::Uint16, CIM_UINT16),
        (CimType::Uint32, CIM_UINT32),
        (CimType::Sint64, CIM_SINT64),
        (CimType::Uint64, CIM_UINT64),
        (CimType::DateTime, CIM_DATETIME),
        (CimType::Reference, CIM_REFERENCE),
        (CimType::Char16, CIM_CHAR16),
    ] {
        assert_eq!(of.number().cast_signed(), number.0);
        let array = (number.0 | CIM_FLAG_ARRAY.0).cast_unsigned();
        assert_eq!(Type::from_number(array), Some(Type::array(of)));
    }
}
