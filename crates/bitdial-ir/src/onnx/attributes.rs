//! The attributes of a node: each is taken once, by its type, and none may be left over.

use std::collections::BTreeMap;

use crate::error::shorten;
use crate::onnx::constant::{self, Constant};
use crate::onnx::proto::{AttributeProto, kind};

/// Attributes of one node by name.
#[derive(Debug)]
pub struct Attributes<'a>(BTreeMap<&'a str, &'a AttributeProto>);

impl<'a> Attributes<'a> {
    /// The attributes of a node.
    ///
    /// # Errors
    /// If two have the same name, or none.
    pub fn new(list: &'a [AttributeProto]) -> Result<Self, String> {
        let mut map = BTreeMap::new();
        for attribute in list {
            let name = attribute.name.as_deref().filter(|n| !n.is_empty()).ok_or("it has an attribute without a name")?;
            if map.insert(name, attribute).is_some() {
                return Err(format!("it has the attribute `{}` twice", shorten(name)));
            }
        }
        Ok(Self(map))
    }

    fn take(&mut self, name: &str, kind: i32) -> Result<Option<&'a AttributeProto>, String> {
        let Some(attribute) = self.0.remove(name) else { return Ok(None) };
        // Files of the first versions leave the type out.
        match attribute.r#type {
            None | Some(0) => Ok(Some(attribute)),
            Some(found) if found == kind => Ok(Some(attribute)),
            Some(_) => Err(format!("its attribute `{name}` has the wrong type")),
        }
    }

    /// A single value; where the type is written and the value is not, it is the default of protobuf.
    fn scalar<T: Default>(attribute: &AttributeProto, name: &str, value: Option<T>) -> Result<T, String> {
        match value {
            Some(value) => Ok(value),
            None if attribute.r#type.unwrap_or(0) != 0 => Ok(T::default()),
            None => Err(format!("its attribute `{name}` has no value of the right type")),
        }
    }

    /// An integer.
    pub fn int(&mut self, name: &str) -> Result<Option<i64>, String> {
        self.take(name, kind::INT)?.map(|a| Self::scalar(a, name, a.i)).transpose()
    }

    /// An integer that stands for a truth value.
    pub fn flag(&mut self, name: &str, default: bool) -> Result<bool, String> {
        match self.int(name)? {
            None => Ok(default),
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(other) => Err(format!("its attribute `{name}` is {other}, not 0 or 1")),
        }
    }

    /// A real number.
    pub fn float(&mut self, name: &str) -> Result<Option<f32>, String> {
        self.take(name, kind::FLOAT)?.map(|a| Self::scalar(a, name, a.f)).transpose()
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        let Some(attribute) = self.take(name, kind::STRING)? else { return Ok(None) };
        let bytes = Self::scalar(attribute, name, attribute.s.as_deref())?;
        Ok(Some(shorten(&String::from_utf8_lossy(bytes))))
    }

    /// Integers.
    pub fn ints(&mut self, name: &str) -> Result<Option<&'a [i64]>, String> {
        Ok(self.take(name, kind::INTS)?.map(|a| a.ints.as_slice()))
    }

    /// Real numbers.
    pub fn floats(&mut self, name: &str) -> Result<Option<&'a [f32]>, String> {
        Ok(self.take(name, kind::FLOATS)?.map(|a| a.floats.as_slice()))
    }

    /// A tensor.
    pub fn tensor(&mut self, name: &str) -> Result<Option<Constant>, String> {
        let Some(attribute) = self.take(name, kind::TENSOR)? else { return Ok(None) };
        let tensor = attribute.t.as_deref().ok_or_else(|| format!("its attribute `{name}` holds no tensor"))?;
        constant::read(tensor).map(Some).map_err(|e| format!("its attribute `{name}`: {e}"))
    }

    /// Forgets attributes that change nothing here.
    pub fn ignore(&mut self, names: &[&'static str]) {
        for name in names {
            self.0.remove(name);
        }
    }

    /// Says if an attribute has not been taken.
    pub fn finish(&self) -> Result<(), String> {
        match self.0.iter().next() {
            None => Ok(()),
            Some((name, a)) if a.g.is_some() => Err(format!("its attribute `{}` is a graph, which is not supported", shorten(name))),
            Some((name, _)) => Err(format!("its attribute `{}` is not one of this operator", shorten(name))),
        }
    }
}
