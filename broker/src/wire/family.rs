//! Families of messages: one enum for the requests and one for the responses of a subject, so that whoever passes them on
//! passes on one thing.
//!
//! Each message is a struct with `from_codec` and `into_codec`; a family is the list of their names.

/// Makes the two enums of a family, with what reads and writes them.
macro_rules! message_family {
    (
        $(#[doc = $whole:literal])+ $Request:ident, $Response:ident:
        $($(#[doc = $meaning:literal])+ $name:ident($request:ident, $response:ident), sent as $version:literal;)*
    ) => {
        $(#[doc = $whole])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $Request {
            $($(#[doc = $meaning])+ $name($request),)*
        }

        /// The response to the request of the same name.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $Response {
            $($(#[doc = $meaning])+ $name($response),)*
        }

        impl $Request {
            /// Its key.
            #[must_use]
            pub fn key(&self) -> ApiKey {
                match self { $(Self::$name(_) => ApiKey::$name,)* }
            }

            /// The version in which brokers send it to each other.
            pub(super) fn version_sent(&self) -> i16 {
                match self { $(Self::$name(_) => $version,)* }
            }

            /// Reads the body of a request; `None` if the key is not one of these.
            pub(super) fn read(
                decoder: &mut Decoder,
                key: ApiKey,
                version: i16,
            ) -> Result<Option<Self>, WireError> {
                Ok(Some(match key {
                    $(ApiKey::$name => {
                        let message = kafka_wire::$request::decode(decoder, ApiVersion::new(version))?;
                        Self::$name($request::from_codec(message, version)?)
                    })*
                    _ => return Ok(None),
                }))
            }

            /// Writes the body of a request in the version in which it is sent.
            pub(super) fn write(self, writer: &mut FrameWriter) -> Result<(), WireError> {
                let version = self.version_sent();
                match self { $(Self::$name(request) => writer.message(&request.into_codec()?, version),)* }
            }
        }

        impl $Response {
            /// The key of the request that it answers.
            #[must_use]
            pub fn key(&self) -> ApiKey {
                match self { $(Self::$name(_) => ApiKey::$name,)* }
            }

            /// Reads the body of a response; `None` if the key is not one of these.
            pub(super) fn read(
                decoder: &mut Decoder,
                key: ApiKey,
                version: i16,
            ) -> Result<Option<Self>, WireError> {
                Ok(Some(match key {
                    $(ApiKey::$name => {
                        let message = kafka_wire::$response::decode(decoder, ApiVersion::new(version))?;
                        Self::$name($response::from_codec(message))
                    })*
                    _ => return Ok(None),
                }))
            }

            /// Writes the body of a response in any version that we speak.
            pub(super) fn write(self, writer: &mut FrameWriter, version: i16) -> Result<(), WireError> {
                match self {
                    $(Self::$name(response) => writer.message(&response.into_codec(version), version),)*
                }
            }
        }
    };
}

pub(super) use message_family;
