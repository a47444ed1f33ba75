//! The device numbers of terminals.

/// The names of terminals: the major number, the first and the last minor number, and the name, which the number from the first on
/// follows. Source: the kernel's `Documentation/admin-guide/devices.txt`.
const NAMES: [(u32, u32, u32, &str); 7] = [
    (4, 0, 63, "tty"),
    (4, 64, 255, "ttyS"),
    (166, 0, 255, "ttyACM"),
    (188, 0, 255, "ttyUSB"),
    (204, 64, 79, "ttyAMA"),
    (229, 0, 255, "hvc"),
    // All pseudo-terminals have the first of their eight major numbers since Linux 2.6, whose minor numbers have 20 bits.
    (136, 0, 0xf_ffff, "pts/"),
];
/// The other major numbers of pseudo-terminals, each for 256 of them: devices.txt.
const LATER_PTS: std::ops::RangeInclusive<u32> = 137..=143;
const CONSOLE: Device = Device { major: 5, minor: 1 };

/// A character device, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device {
    /// The driver.
    pub major: u32,
    /// Which one of the driver's.
    pub minor: u32,
}

impl Device {
    /// The device that field 7 of proc_pid_stat(5) means, `tty_nr`: the minor number is in bits 31 to 20 and 7 to 0, the major
    /// number in bits 19 to 8 (`new_encode_dev` of the kernel's `kdev_t.h`). `None` for 0: there is no terminal.
    #[must_use]
    pub fn from_tty_nr(number: i32) -> Option<Self> {
        let bits = u32::from_ne_bytes(number.to_ne_bytes());
        let device = Self { major: bits >> 8 & 0xfff, minor: bits & 0xff | bits >> 12 & 0xf_ff00 };
        (bits != 0).then_some(device)
    }

    /// The name below `/dev` of a terminal of a kind that people log in on, such as `pts/3`.
    #[must_use]
    pub fn name(self) -> Option<String> {
        let Self { major, minor } = self;
        if self == CONSOLE {
            return Some("console".to_owned());
        }
        if LATER_PTS.contains(&major) {
            return Some(format!("pts/{}", (major - 136) * 256 + minor % 256));
        }
        let known = NAMES.iter().find(|(of, from, to, _)| *of == major && (*from..=*to).contains(&minor));
        known.map(|(_, from, _, name)| format!("{name}{}", minor - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminals_have_their_names() {
        let name = |major, minor| Device { major, minor }.name();
        for (major, minor, expected) in [
            (136, 3, "pts/3"),
            (136, 300, "pts/300"),
            (136, 0xf_ffff, "pts/1048575"),
            (137, 1, "pts/257"),
            (143, 255, "pts/2047"),
            (4, 1, "tty1"),
            (4, 63, "tty63"),
            (4, 64, "ttyS0"),
            (188, 2, "ttyUSB2"),
            (204, 65, "ttyAMA1"),
            (229, 0, "hvc0"),
            (5, 1, "console"),
        ] {
            assert_eq!(name(major, minor).as_deref(), Some(expected));
        }
        assert_eq!((name(5, 0), name(144, 0), name(204, 0)), (None, None, None));
    }

    #[test]
    fn the_number_is_that_of_the_kernel() {
        let device = |number| Device::from_tty_nr(number).map(|device| (device.major, device.minor));
        assert_eq!(device(0), None);
        assert_eq!(device(34_819), Some((136, 3)));
        // Minor number 300 is 0x12c.
        assert_eq!(device(0x0010_882c), Some((136, 300)));
        assert_eq!(device(1025), Some((4, 1)));
        assert_eq!(device(-1), Some((0xfff, 0xf_ffff)));
    }

    proptest! {
        #[test]
        fn every_number_is_a_device_with_or_without_a_name(number in any::<i32>(), minor in any::<u32>()) {
            let _ = Device::from_tty_nr(number).and_then(Device::name);
            let _ = Device { major: number.unsigned_abs() % 300, minor }.name();
        }
    }
}
