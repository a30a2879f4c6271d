//! Names for numbers: interface classes, results, errors, contexts, and what the groups of a logical name stand for.

/// The name of an interface class (IEC 62056-6-2).
pub(crate) const fn class(id: u16) -> &'static str {
    match id {
        1 => "Data",
        3 => "Register",
        4 => "Extended register",
        5 => "Demand register",
        6 => "Register activation",
        7 => "Profile generic",
        8 => "Clock",
        9 => "Script table",
        10 => "Schedule",
        11 => "Special days table",
        12 => "Association SN",
        15 => "Association LN",
        17 => "SAP assignment",
        18 => "Image transfer",
        19 => "IEC local port setup",
        20 => "Activity calendar",
        21 => "Register monitor",
        22 => "Single action schedule",
        23 => "IEC HDLC setup",
        24 => "IEC twisted pair setup",
        25 => "M-Bus slave port setup",
        26 => "Utility tables",
        27 => "Modem configuration",
        28 => "Auto answer",
        29 => "Auto connect",
        30 => "Data protection",
        40 => "Push setup",
        41 => "TCP-UDP setup",
        42 => "IPv4 setup",
        43 => "MAC address setup",
        44 => "PPP setup",
        45 => "GPRS modem setup",
        47 => "GSM diagnostic",
        48 => "IPv6 setup",
        61 => "Register table",
        62 => "Compact data",
        63 => "Status mapping",
        64 => "Security setup",
        65 => "Parameter monitor",
        68 => "Arbitrator",
        70 => "Disconnect control",
        71 => "Limiter",
        72 => "M-Bus client",
        73 => "Wireless mode Q channel",
        74 => "M-Bus master port setup",
        76 => "DLMS/COSEM server M-Bus port setup",
        77 => "M-Bus diagnostic",
        111 => "Account",
        112 => "Credit",
        113 => "Charge",
        115 => "Token gateway",
        122 => "Function control",
        123 => "Array manager",
        124 => "Communication port protection",
        8192..=32767 => "manufacturer specific",
        _ => "unknown class",
    }
}

/// data-access-result and action-result.
pub(crate) const fn access_result(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "success",
        1 => "hardware-fault",
        2 => "temporary-failure",
        3 => "read-write-denied",
        4 => "object-undefined",
        9 => "object-class-inconsistent",
        11 => "object-unavailable",
        12 => "type-unmatched",
        13 => "scope-of-access-violated",
        14 => "data-block-unavailable",
        15 => "long-get-aborted",
        16 => "no-long-get-in-progress",
        17 => "long-set-aborted",
        18 => "no-long-set-in-progress",
        19 => "data-block-number-invalid",
        250 => "other-reason",
        _ => return None,
    })
}

/// What went wrong with a state, in an exception response.
pub(crate) const fn state_error(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "service-not-allowed",
        2 => "service-unknown",
        _ => return None,
    })
}

/// What went wrong with a service, in an exception response.
pub(crate) const fn service_error(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "operation-not-possible",
        2 => "service-not-supported",
        3 => "other-reason",
        4 => "pdu-too-long",
        5 => "deciphering-error",
        6 => "invocation-counter-error",
        _ => return None,
    })
}

/// The choice of a confirmed service error, and the names of its values.
pub(crate) const fn confirmed_service_error(choice: u8) -> Option<(&'static str, &'static [&'static str])> {
    Some(match choice {
        0 => (
            "application-reference",
            &[
                "other",
                "time-elapsed",
                "application-unreachable",
                "application-reference-invalid",
                "application-context-unsupported",
                "provider-communication-error",
                "deciphering-error",
            ],
        ),
        1 => (
            "hardware-resource",
            &[
                "other",
                "memory-unavailable",
                "processor-resource-unavailable",
                "mass-storage-unavailable",
                "other-resource-unavailable",
            ],
        ),
        2 => (
            "vde-state-error",
            &[
                "other",
                "no-dlms-context",
                "loading-data-set",
                "status-nochange",
                "status-inoperable",
            ],
        ),
        3 => ("service", &["other", "pdu-size", "service-unsupported"]),
        4 => (
            "definition",
            &[
                "other",
                "object-undefined",
                "object-class-inconsistent",
                "object-attribute-inconsistent",
            ],
        ),
        5 => (
            "access",
            &[
                "other",
                "scope-of-access-violated",
                "object-access-violated",
                "hardware-fault",
                "object-unavailable",
            ],
        ),
        6 => (
            "initiate",
            &[
                "other",
                "dlms-version-too-low",
                "incompatible-conformance",
                "pdu-size-too-short",
                "refused-by-the-VDE-Handler",
            ],
        ),
        7 => ("load-data-set", &["other"]),
        9 => ("task", &["other"]),
        _ => return None,
    })
}

/// The application context of an object identifier's last octet.
pub(crate) const fn context(last: u8) -> &'static str {
    match last {
        1 => "logical names, no ciphering",
        2 => "short names, no ciphering",
        3 => "logical names, ciphering",
        4 => "short names, ciphering",
        _ => "unknown context",
    }
}

/// The authentication mechanism of an object identifier's last octet.
pub(crate) const fn mechanism(last: u8) -> &'static str {
    match last {
        0 => "lowest level security (none)",
        1 => "low level security (password)",
        2 => "high level security, manufacturer specific",
        3 => "high level security, MD5",
        4 => "high level security, SHA-1",
        5 => "high level security, GMAC",
        6 => "high level security, SHA-256",
        7 => "high level security, ECDSA",
        _ => "unknown mechanism",
    }
}

/// association result.
pub(crate) const fn association_result(code: u8) -> &'static str {
    match code {
        0 => "accepted",
        1 => "rejected-permanent",
        2 => "rejected-transient",
        _ => "unknown result",
    }
}

/// result-source-diagnostic of the ACSE service user.
pub(crate) const fn diagnostic_user(code: u8) -> &'static str {
    match code {
        0 => "null",
        1 => "no reason given",
        2 => "application context name not supported",
        3 => "calling AP title not recognised",
        4 => "calling AP invocation identifier not recognised",
        5 => "calling AE qualifier not recognised",
        6 => "calling AE invocation identifier not recognised",
        7 => "called AP title not recognised",
        8 => "called AP invocation identifier not recognised",
        9 => "called AE qualifier not recognised",
        10 => "called AE invocation identifier not recognised",
        11 => "authentication mechanism name not recognised",
        12 => "authentication mechanism name required",
        13 => "authentication failure",
        14 => "authentication required",
        _ => "unknown diagnostic",
    }
}

/// result-source-diagnostic of the ACSE service provider.
pub(crate) const fn diagnostic_provider(code: u8) -> &'static str {
    match code {
        0 => "null",
        1 => "no reason given",
        2 => "no common ACSE version",
        _ => "unknown diagnostic",
    }
}

/// The conformance block's services, bit 0 first.
pub(crate) const CONFORMANCE: [&str; 24] = [
    "reserved-zero",
    "general-protection",
    "general-block-transfer",
    "read",
    "write",
    "unconfirmed-write",
    "delta-value-encoding",
    "reserved-seven",
    "attribute0-supported-with-set",
    "priority-mgmt-supported",
    "attribute0-supported-with-get",
    "block-transfer-with-get-or-read",
    "block-transfer-with-set-or-write",
    "block-transfer-with-action",
    "multiple-references",
    "information-report",
    "data-notification",
    "access",
    "parameterized-access",
    "get",
    "set",
    "selective-access",
    "event-notification",
    "action",
];

/// The DLMS UA's form of a logical name.
pub(crate) fn logical_name([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a}-{b}:{c}.{d}.{e}.{f}")
}
