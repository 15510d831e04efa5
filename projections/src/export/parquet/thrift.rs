//! Thrift's compact protocol, written only: structures of integers, texts, lists and structures.

/// A value of a field or a list.
#[derive(Clone, Debug)]
pub(super) enum Value<'v> {
    Int(i32),
    Long(i64),
    Text(&'v str),
    /// Of one kind.
    List(Vec<Value<'v>>),
    Struct(Vec<Field<'v>>),
}

/// A field by its number; numbers of a structure rise.
#[derive(Clone, Debug)]
pub(super) struct Field<'v>(pub i16, pub Value<'v>);

impl Value<'_> {
    const fn code(&self) -> u8 {
        match self {
            Self::Int(_) => 5,
            Self::Long(_) => 6,
            Self::Text(_) => 8,
            Self::List(_) => 9,
            Self::Struct(_) => 12,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(value) => zigzag(i64::from(*value), out),
            Self::Long(value) => zigzag(*value, out),
            Self::Text(text) => {
                varint(text.len() as u64, out);
                out.extend(text.as_bytes());
            }
            Self::List(values) => {
                let code = values.first().map_or(12, Value::code);
                match u8::try_from(values.len()) {
                    Ok(few) if few < 15 => out.push((few << 4) | code),
                    Ok(_) | Err(_) => {
                        out.push(0xf0 | code);
                        varint(values.len() as u64, out);
                    }
                }
                values.iter().for_each(|value| value.write(out));
            }
            Self::Struct(fields) => out.extend(structure(fields)),
        }
    }
}

/// The bytes of a structure.
pub(super) fn structure(fields: &[Field<'_>]) -> Vec<u8> {
    let (mut out, mut last) = (Vec::new(), 0);
    for Field(number, value) in fields {
        // Numbers rise by less than 16 in all that is written here.
        let step = u8::try_from(number - last).unwrap_or(u8::MAX);
        debug_assert!((1..16).contains(&step));
        out.push((step << 4) | value.code());
        value.write(&mut out);
        last = *number;
    }
    out.push(0);
    out
}

fn zigzag(value: i64, out: &mut Vec<u8>) {
    varint(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_texts_lists_and_structures_are_those_of_the_protocol() {
        let bytes = |value: Value<'_>| structure(&[Field(1, value)]);
        assert_eq!(bytes(Value::Int(1)), [0x15, 0x02, 0x00]);
        assert_eq!(bytes(Value::Int(-1)), [0x15, 0x01, 0x00]);
        assert_eq!(bytes(Value::Long(300)), [0x16, 0xd8, 0x04, 0x00]);
        assert_eq!(bytes(Value::Long(i64::MIN)), [&[0x16][..], &[0xff; 9], &[0x01, 0x00]].concat());
        assert_eq!(bytes(Value::Text("ab")), [0x18, 2, b'a', b'b', 0x00]);
        assert_eq!(bytes(Value::List(vec![Value::Int(0), Value::Int(2)])), [0x19, 0x25, 0, 4, 0]);
        assert_eq!(bytes(Value::List(vec![Value::Int(0); 15])), [&[0x19, 0xf5, 15][..], &[0; 15], &[0]].concat());
        assert_eq!(bytes(Value::Struct(vec![Field(3, Value::Int(0))])), [0x1c, 0x35, 0, 0, 0]);
        assert_eq!(structure(&[Field(2, Value::Int(0)), Field(9, Value::Int(0))]), [0x25, 0, 0x75, 0, 0]);
    }
}
