//! Module `env`: the API of LF Edge Ocre, so that its guests run unmodified.

use super::macros::calls;

calls! {
    /// The calls of Ocre's API.
    pub enum EnvCall as Env in "env" {
        "Writes the system's name: six NUL-padded fields of 65 bytes (390 bytes). 0 or a negative errno."
        Uname = "uname"(name: ptr) -> i32, Prompt;
        "Sleeps for a number of milliseconds (unsigned). 0."
        Sleep = "ocre_sleep"(milliseconds: i32) -> i32, Waits;
        "Takes the next event, writing six u32: type, id, port, state, extra, payload length. 0, `-ENOMSG` if there is none, `-ENOMEM` if a message waits for room until others are given back."
        GetEvent = "ocre_get_event"(kind: ptr, id: ptr, port: ptr, state: ptr, extra: ptr, payload_len: ptr) -> i32, Prompt;
        "Names the guest's export that handles a resource type. 0, or `-EINVAL` if the export is missing."
        RegisterDispatcher = "ocre_register_dispatcher"(resource_type: i32, function: str) -> i32, Prompt;
        "Publishes a message. 0 if at least one container got it, `-ENOENT` if none did, `-EINVAL` for an empty or too long part."
        PublishMessage = "ocre_publish_message"(topic: str, content_type: str, payload: ptr, payload_len: len) -> i32, Prompt, needs BusPublish;
        "Subscribes to every topic that begins with this text. 0, `-ENOMEM` when no subscription is left."
        SubscribeMessage = "ocre_subscribe_message"(topic: str) -> i32, Prompt, needs BusSubscribe;
        "Gives back the three buffers of a message that `ocre_get_event` delivered. 0, or `-EINVAL`."
        FreeMessage = "ocre_messaging_free_module_event_data"(topic: ptr, content_type: ptr, payload: ptr) -> i32, Prompt;
        "Reserves timer `id` (1 to the limit, this container's own numbers). 0, `-EINVAL`, or `-EBUSY` if it exists."
        TimerCreate = "ocre_timer_create"(id: i32) -> i32, Prompt, needs Timer;
        "Starts a timer: `interval` ms (1 to 65535), once or periodic. 0 or `-EINVAL`."
        TimerStart = "ocre_timer_start"(id: i32, interval: i32, is_periodic: i32) -> i32, Prompt, needs Timer;
        "Stops a timer. 0 or `-EINVAL`."
        TimerStop = "ocre_timer_stop"(id: i32) -> i32, Prompt, needs Timer;
        "Deletes a timer. 0 or `-EINVAL`."
        TimerDelete = "ocre_timer_delete"(id: i32) -> i32, Prompt, needs Timer;
        "The milliseconds until a timer fires, 0 if it is stopped, or `-EINVAL`."
        TimerRemaining = "ocre_timer_get_remaining"(id: i32) -> i32, Prompt, needs Timer;
        "Prepares GPIO. 0, or `-ENODEV` if the device has none."
        GpioInit = "ocre_gpio_init"() -> i32, Prompt, needs Gpio;
        "Makes a pin an input (0, with pull-up) or an output (1)."
        GpioConfigure = "ocre_gpio_configure"(port: i32, pin: i32, direction: i32) -> i32, Prompt, needs Gpio;
        "Sets an output pin to 0 or 1."
        GpioPinSet = "ocre_gpio_pin_set"(port: i32, pin: i32, state: i32) -> i32, Prompt, needs Gpio;
        "Reads a pin: 0 or 1, or a negative errno."
        GpioPinGet = "ocre_gpio_pin_get"(port: i32, pin: i32) -> i32, Prompt, needs Gpio;
        "Inverts an output pin."
        GpioPinToggle = "ocre_gpio_pin_toggle"(port: i32, pin: i32) -> i32, Prompt, needs Gpio;
        "Asks for an event at both edges of an input pin."
        GpioRegisterCallback = "ocre_gpio_register_callback"(port: i32, pin: i32) -> i32, Prompt, needs Gpio;
        "Ends the events of a pin."
        GpioUnregisterCallback = "ocre_gpio_unregister_callback"(port: i32, pin: i32) -> i32, Prompt, needs Gpio;
        "Makes a named pin an input (0) or an output (1)."
        GpioConfigureByName = "ocre_gpio_configure_by_name"(name: str, direction: i32) -> i32, Prompt, needs Gpio;
        "Sets a named output pin to 0 or 1."
        GpioSetByName = "ocre_gpio_set_by_name"(name: str, state: i32) -> i32, Prompt, needs Gpio;
        "Reads a named pin: 0 or 1, or a negative errno."
        GpioGetByName = "ocre_gpio_get_by_name"(name: str) -> i32, Prompt, needs Gpio;
        "Inverts a named output pin."
        GpioToggleByName = "ocre_gpio_toggle_by_name"(name: str) -> i32, Prompt, needs Gpio;
        "Asks for an event at both edges of a named input pin."
        GpioRegisterCallbackByName = "ocre_gpio_register_callback_by_name"(name: str) -> i32, Prompt, needs Gpio;
        "Ends the events of a named pin."
        GpioUnregisterCallbackByName = "ocre_gpio_unregister_callback_by_name"(name: str) -> i32, Prompt, needs Gpio;
        "Prepares the sensors. 0, or a negative errno."
        SensorsInit = "ocre_sensors_init"() -> i32, Prompt, needs Sensor;
        "The number of sensors, or a negative errno."
        SensorsDiscover = "ocre_sensors_discover"() -> i32, Prompt, needs Sensor;
        "Opens a sensor by its handle. 0 or a negative errno."
        SensorsOpen = "ocre_sensors_open"(handle: i32) -> i32, Prompt, needs Sensor;
        "The handle of the sensor with this id, or a negative errno."
        SensorsGetHandle = "ocre_sensors_get_handle"(id: i32) -> i32, Prompt, needs Sensor;
        "The number of channels of a sensor, or a negative errno."
        SensorsChannelCount = "ocre_sensors_get_channel_count"(id: i32) -> i32, Prompt, needs Sensor;
        "The type of a sensor's channel (Zephyr's channel numbers), or a negative errno."
        SensorsChannelType = "ocre_sensors_get_channel_type"(id: i32, channel: i32) -> i32, Prompt, needs Sensor;
        "Reads a channel. The value, or a negative errno as a number."
        SensorsRead = "ocre_sensors_read"(id: i32, channel: i32) -> f64, Prompt, needs Sensor;
        "Opens a sensor by name. 0 or a negative errno."
        SensorsOpenByName = "ocre_sensors_open_by_name"(name: str) -> i32, Prompt, needs Sensor;
        "The handle of a named sensor, or a negative errno."
        SensorsGetHandleByName = "ocre_sensors_get_handle_by_name"(name: str) -> i32, Prompt, needs Sensor;
        "The number of channels of a named sensor, or a negative errno."
        SensorsChannelCountByName = "ocre_sensors_get_channel_count_by_name"(name: str) -> i32, Prompt, needs Sensor;
        "The type of a named sensor's channel, or a negative errno."
        SensorsChannelTypeByName = "ocre_sensors_get_channel_type_by_name"(name: str, channel: i32) -> i32, Prompt, needs Sensor;
        "Reads a channel of a named sensor. The value, or a negative errno as a number."
        SensorsReadByName = "ocre_sensors_read_by_name"(name: str, channel: i32) -> f64, Prompt, needs Sensor;
        "Writes the names of the sensors this container may use into a buffer of 125 bytes a name. Their number, or a negative errno."
        SensorsGetList = "ocre_sensors_get_list"(names: ptr, capacity: i32) -> i32, Prompt, needs Sensor;
        "Declared by Ocre's guest library; messaging needs no preparation. 0."
        MessagingInit = "ocre_msg_system_init"() -> i32, Prompt;
    }
}
