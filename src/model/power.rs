//! The power of a virtual machine.

use super::wire::wire_enum;

wire_enum! {
    /// `Msvm_ComputerSystem.EnabledState`: the power of a virtual machine, as WMI shows it.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem"
    pub enum EnabledState: u16 {
        /// Not known.
        Unknown = 0, "Unknown";
        /// None of the values of this list.
        Other = 1, "Other";
        /// Running.
        Enabled = 2, "Enabled";
        /// Off.
        Disabled = 3, "Disabled";
        /// The guest is shutting down, or the VM is being turned off.
        ShuttingDown = 4, "Shutting Down";
        /// The notion does not apply.
        NotApplicable = 5, "Not Applicable";
        /// Saved.
        Offline = 6, "Enabled but Offline";
        /// In a test state.
        InTest = 7, "In Test";
        /// Commands are queued.
        Deferred = 8, "Deferred";
        /// Paused.
        Quiesce = 9, "Quiesce";
        /// Starting, or restoring a saved state.
        Starting = 10, "Starting";
        /// A state is being saved.
        Saving = 32773, "Saving";
        /// On its way to paused.
        Pausing = 32776, "Pausing";
        /// On its way from paused to running.
        Resuming = 32777, "Resuming";
    }
}

wire_enum! {
    /// What `Msvm_ComputerSystem.RequestStateChange` may be asked for.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-computersystem"
    pub enum RequestedState: u16 {
        /// Start, restore a saved state, or resume from a pause.
        Enabled = 2, "Enabled";
        /// Turn off at once.
        Disabled = 3, "Disabled";
        /// Ask the guest to shut down.
        ShutDown = 4, "Shut Down";
        /// Save the state and stop.
        Offline = 6, "Offline";
        /// Pause.
        Quiesce = 9, "Quiesce";
        /// Restart through the guest.
        Reboot = 10, "Reboot";
        /// Restart at once.
        Reset = 11, "Reset";
    }
}

wire_enum! {
    /// The five cases of power that rules tell apart.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem"
    pub enum Power: u16 {
        /// `EnabledState` 3.
        Off = 0, "off";
        /// `EnabledState` 2.
        Running = 1, "running";
        /// `EnabledState` 9.
        Paused = 2, "paused";
        /// `EnabledState` 6.
        Saved = 3, "saved";
        /// Any transition.
        Changing = 4, "changing";
    }
}

impl RequestedState {
    /// Whether the page lists the number, be it for the first version of Hyper-V, for a state that
    /// cannot be asked for, or as one of these.
    pub const fn is_listed(number: u16) -> bool {
        matches!(
            number,
            1..=4 | 6..=11 | 32773 | 32776 | 32777 | 32779 | 32780 | 32781..=32792
        )
    }
}

impl EnabledState {
    /// The case of power that rules look at.
    pub const fn power(self) -> Power {
        match self {
            Self::Enabled => Power::Running,
            Self::Disabled => Power::Off,
            Self::Quiesce => Power::Paused,
            Self::Offline => Power::Saved,
            _ => Power::Changing,
        }
    }
}
