//! What cameras and servers do, each thing played by a camera of the tests' own.
//!
//! The table below is the list of tests: a line of it is a test, and a function of the modules
//! that has no line is dead code, which is an error. docs/cameras.md is written from it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test may fail"
)]

mod authentication;
#[path = "../camera/mod.rs"]
mod camera;
mod description;
mod document;
mod framing;
mod h264;
mod h265;
mod keep_alive;
mod request;
mod rows;
mod rtp_rtcp;
mod scene;
mod session;
mod tunnel;
mod udp;

/// Makes each line a test, and a line of the document.
macro_rules! quirks {
    (
        handled { $($module:ident::$test:ident: $($row:literal)+;)* }
        not handled { $($reason:literal: $($unhandled:literal)+;)* }
    ) => {
        /// Tests and the rows they are about.
        const TESTED: &[(&str, &[usize])] =
            &[$((concat!(stringify!($module), "::", stringify!($test)), &[$($row),+])),*];
        /// Rows without a test, and why.
        const NOT_HANDLED: &[(&[usize], &str)] = &[$((&[$($unhandled),+], $reason)),*];
        $(
            #[test]
            fn $test() {
                $module::$test();
            }
        )*
    };
}

quirks! {
    handled {
        request::anjvision_and_others_write_bases_that_are_no_urls: 1 2 3 4 5;
        request::dahua_wants_the_control_behind_the_query: 6;
        request::a_camera_whose_control_begins_with_a_slash: 7;
        request::cameras_that_want_controls_appended_or_resolved: 8;
        request::a_camera_that_puts_its_base_into_the_control: 9;
        request::a_camera_that_knows_nobody_without_user_agent: 10;
        request::a_camera_that_knows_cseq_in_one_spelling: 11;
        request::longse_has_spaces_behind_its_values: 12;
        request::cameras_that_do_not_say_what_the_description_is: 13;
        request::live555_clones_reply_without_number: 14;
        request::hikvision_ds_2cd2732f_announces_methods_it_does_not_implement: 33;
        request::parrot_plays_only_ranges: 36;
        request::servers_that_refuse_a_mode: 37;

        keep_alive::c520ws_refuses_under_the_number_before: 15;
        keep_alive::rtsp_simple_server_closes_on_set_parameter: 16;
        keep_alive::gw4089ip_refuses_get_parameter_and_has_start_codes_in_its_sets: 17;
        keep_alive::cameras_that_crash_on_get_parameter_are_asked_once: 18;
        keep_alive::cameras_that_crash_on_get_parameter_are_never_asked_where_so_configured: 18;
        keep_alive::hipcam_answers_nothing_but_options: 19;
        keep_alive::thingino_does_not_find_its_session: 20;
        keep_alive::cameras_that_never_answer_while_playing: 21;
        keep_alive::cameras_that_know_the_session_by_its_base: 22;
        keep_alive::cameras_that_want_a_report_every_five_seconds: 23;
        keep_alive::cameras_that_count_only_requests_or_only_reports: 24;

        authentication::axis_m5525_changes_its_nonce_while_playing: 25;
        authentication::hikvision_ds_7608nxi_wants_the_password_in_keep_alives: 26;
        authentication::hikvision_has_a_parameter_of_its_own: 27;
        authentication::tp_link_accepts_only_the_first_it_offers: 28;
        authentication::hikvision_asks_for_sha_256: 29;
        authentication::hikvision_and_rtsp_server_compare_the_url_as_text: 30 31;
        authentication::tapo_is_asked_by_its_own_address_and_with_the_password: 32;

        session::hikvision_wants_a_description_before_each_setup: 34;
        session::dahua_allows_one_back_channel_and_is_not_asked_for_any: 35;
        session::cameras_that_name_another_session_later: 38;
        session::chinese_cameras_write_sessions_in_their_own_way: 39;
        session::reolink_reports_before_it_plays: 41;
        session::reolink_rlc_410_and_live555_send_an_old_session_into_the_new_one: 42 44;
        session::v4l2rtspserver_sends_before_it_answers: 43;
        session::cameras_that_number_their_packets_elsewhere_than_they_say: 61 62 63 64;
        session::smart_codecs_send_an_idr_once_in_minutes: 117;
        session::reolink_breaks_off_and_is_found_again: 118;

        framing::cameras_that_send_on_channels_nobody_asked_for: 45;
        framing::cameras_that_send_line_ends_before_frames: 46;
        framing::cameras_that_confuse_the_two_channels: 47;
        framing::hikvision_floods_the_connection_with_reports: 48;
        framing::escam_q6_leaves_tcp_out_of_its_transport: 49;
        framing::cameras_that_name_one_channel: 50;
        framing::servers_that_take_other_channels: 51;
        framing::luckfox_has_its_parameters_in_another_order: 52;

        udp::hikvision_dahua_and_others_misspell_the_source: 53 54 55;
        udp::openipc_and_others_do_not_say_their_ports: 56 57;
        udp::servers_that_do_not_say_where_they_send_from: 58;
        udp::servers_that_know_the_sender_of_reports_by_his_port: 59;
        udp::sat_ip_refuses_the_word_udp: 60;
        udp::tapo_sends_datagrams_of_ten_thousand_bytes: 104;

        description::geovision_describes_metadata_with_parameters: 65;
        description::anpviz_has_more_in_its_parameters_than_belongs_there: 66;
        description::heads_of_descriptions_as_cameras_write_them: 67 75 79 81 82;
        description::descriptions_that_end_anyhow: 81;
        description::ipcam_has_spaces_behind_its_codec: 68;
        description::ubiquiti_has_parameters_without_any: 69;
        description::tp_link_and_mercury_have_formats_that_are_no_numbers: 70 71;
        description::rtsp_server_for_android_repeats_lines_of_the_session_in_the_track: 72;
        description::a_camera_that_puts_its_parameters_under_the_other_track: 73;
        description::d_link_and_others_mark_what_they_send_as_theirs_to_receive: 74 83;
        description::h3c_describes_one_payload_type_twice: 75;
        description::bosch_and_others_have_tracks_of_their_own_kinds: 76;
        description::bosch_has_h264_on_a_static_payload_type: 78;
        description::flir_offers_several_formats_in_one_track: 79;
        description::parameter_sets_that_are_empty_or_broken: 85;
        description::revotech_has_start_codes_in_its_sets: 86;
        description::reolink_has_bytes_behind_its_sps: 87;
        description::hikvision_names_a_profile_that_it_does_not_send: 88;
        description::clocks_of_zero_and_others_that_can_not_be: 111;
        description::gst_rtsp_server_describes_each_track_once_a_profile: 119;
        description::static_payload_types_have_the_clock_of_rfc_3551: 120;
        description::cameras_whose_aac_has_adts_inside_or_wrong_headers: 107;
        description::opus_is_opus_whatever_is_said_of_its_channels: 108;

        rtp_rtcp::geovision_numbers_another_type_with_the_numbers_of_the_video: 65;
        rtp_rtcp::hanwha_does_not_end_its_source_description: 109;
        rtp_rtcp::cameras_whose_rtcp_is_none: 110;

        h264::flir_m400_sets_no_markers: 80;
        h264::tapo_tc70_marks_its_parameter_sets: 89;
        h264::reolink_duo_2_marks_its_sps: 90;
        h264::rtsp_server_marks_every_unit_and_ivel_its_sei: 91 92;
        h264::amcrest_ip4m_1051_has_delimiters_and_sei_everywhere: 93;
        h264::a_no_name_camera_sends_a_byte_stream_in_one_packet: 94;
        h264::v380_begins_its_payloads_with_start_codes: 95;
        h264::amatek_ar_n3222f_fragments_several_units_as_one: 96;
        h264::costar_hd_has_fragments_that_are_start_and_end: 97;
        h264::tiandy_changes_the_type_inside_a_fragmented_unit: 99;
        h264::cameras_that_send_empty_fragments: 100;
        h264::cameras_that_set_the_reserved_bit_of_fragments: 101;
        h264::cameras_that_fragment_and_aggregate_although_they_say_they_do_not: 102;
        h264::cameras_whose_timestamp_changes_behind_the_parameter_sets: 103;
        h264::eufy_ezviz_and_others_name_profiles_that_do_not_exist: 105;
        h264::cameras_that_never_end_a_picture_are_bounded: 106;

        h265::cameras_that_describe_a_part_of_their_parameter_sets: 84;
        h265::openipc_has_fragments_that_are_start_and_end: 98;

        tunnel::unifi_asks_for_srtp_inside_of_tls: 112;
        tunnel::tunnels_behind_apache_name_an_address_that_leads_nowhere: 115;
        tunnel::tunnels_that_never_answer_post_and_close_on_401: 116;
    }
    not handled {
        "no camera: it sends ASF, which nothing here plays": 40;
        "browsers take no PCM of 48 kHz; the video beside it is shown": 77;
        "SRTP inside RTSP is not spoken: such cameras offer RTSPS or plain RTSP as well": 113 114;
    }
}

/// What it gets wrong, it must get wrong by itself.
#[test]
fn the_camera_shares_no_code_with_the_client() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/camera");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        assert_eq!(code.filter(|line| line.contains("rtsp::")).count(), 0);
    }
}
