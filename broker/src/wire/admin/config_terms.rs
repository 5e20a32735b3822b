//! What Kafka's messages about settings number: whose they are, where a value comes from, of what kind it is.

macro_rules! numbered {
    ($(#[doc = $whole:literal])+ $name:ident { $($(#[doc = $meaning:literal])+ $term:ident = $number:literal,)* }) => {
        $(#[doc = $whole])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $meaning])+ $term,)*
            /// Any other.
            Other(i8),
        }

        impl $name {
            /// Its number.
            #[must_use]
            pub fn code(self) -> i8 {
                match self {
                    $(Self::$term => $number,)*
                    Self::Other(code) => code,
                }
            }

            /// What has this number.
            #[must_use]
            pub fn from_code(code: i8) -> Self {
                match code {
                    $($number => Self::$term,)*
                    code => Self::Other(code),
                }
            }
        }
    };
}

numbered! {
    /// Whose settings they are.
    ResourceKind {
        /// A topic's.
        Topic = 2,
        /// A broker's; without a name, the defaults of all brokers.
        Broker = 4,
        /// How a broker's loggers are set.
        BrokerLogger = 8,
    }
}

numbered! {
    /// Where a value comes from.
    ConfigSource {
        /// The topic's own.
        DynamicTopic = 1,
        /// One broker's, changed at run time.
        DynamicBroker = 2,
        /// The cluster's default, changed at run time.
        DynamicDefaultBroker = 3,
        /// The broker's file, environment or flags.
        StaticBroker = 4,
        /// The program's default.
        Default = 5,
    }
}

numbered! {
    /// Of what kind a value is.
    ConfigKind {
        /// true or false.
        Boolean = 1,
        /// A text.
        String = 2,
        /// A whole number of 32 bits.
        Int = 3,
        /// A whole number of 64 bits.
        Long = 5,
        /// A number.
        Double = 6,
        /// Texts, separated by commas.
        List = 7,
    }
}
