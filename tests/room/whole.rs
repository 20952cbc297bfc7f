//! What a watcher makes of a room in which everything goes wrong.

use std::collections::BTreeSet;

use crosspoint::room::{Flavour, Role};

use super::world::World;

const FLAVOURS: [Flavour; 2] = [Flavour::Assigned, Flavour::Custom];

fn camera(person: usize) -> Role {
    Role::Publish(format!("cam{person}"))
}

fn names(people: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    people.into_iter().map(|person| format!("cam{person}")).collect()
}

#[test]
fn a_room_that_is_empty_at_first_fills_and_empties() {
    for flavour in FLAVOURS {
        let mut world = World::new(flavour, 1);
        world.enter(0, Role::WatchAll);
        world.run(30);
        for person in 1..5 {
            world.enter(person, camera(person));
            world.run(2);
        }
        assert_eq!(world.flowing(), names(1..5), "{flavour:?}");
        assert_eq!(world.accepted, 4);
        world.leave(1);
        world.run(1);
        assert_eq!((world.flowing(), world.announced()), (names(2..5), names(2..5)));
        world.vanish(2);
        world.run(180);
        assert_eq!((world.flowing(), world.announced()), (names(3..5), names(3..5)));
        world.enter(2, camera(2));
        world.run(5);
        assert_eq!(world.flowing(), names(2..5), "{flavour:?}");
    }
}

#[test]
fn a_watcher_that_comes_late_finds_all() {
    for flavour in FLAVOURS {
        let mut world = World::new(flavour, 2);
        for person in 1..8 {
            world.enter(person, camera(person));
        }
        world.run(10);
        world.enter(0, Role::Watch(BTreeSet::from(["cam2".to_owned(), "cam5".to_owned()])));
        world.run(5);
        assert_eq!(world.flowing(), names([2, 5]), "{flavour:?}");
    }
}

#[test]
fn lost_websockets_on_both_sides_cost_no_picture() {
    for flavour in FLAVOURS {
        let mut world = World::new(flavour, 3);
        world.enter(0, Role::WatchAll);
        (1..4).for_each(|person| world.enter(person, camera(person)));
        world.run(5);
        for person in [0, 1, 0, 2, 3, 1, 0] {
            world.drop_socket(person);
            world.run(7);
            assert_eq!(world.flowing(), names(1..4), "{flavour:?}");
        }
        assert_eq!(world.accepted, 3, "{flavour:?}: each session is still the first");
    }
}

#[test]
fn who_vanishes_and_comes_back_while_we_are_offline_is_found() {
    for flavour in FLAVOURS {
        let mut world = World::new(flavour, 4);
        world.enter(0, Role::WatchAll);
        world.enter(1, camera(1));
        world.run(5);
        world.seat(0).is_online = false;
        world.drop_socket(0);
        world.run(1);
        world.vanish(1);
        world.enter(1, camera(1));
        world.run(60);
        assert_eq!(world.flowing(), names([]), "{flavour:?}");
        world.seat(0).is_online = true;
        world.run(100);
        assert_eq!(world.flowing(), names([1]), "{flavour:?}");
    }
}

#[test]
fn whatever_happened_the_room_is_as_it_should_be_in_the_end() {
    for seed in 0..60 {
        let flavour = FLAVOURS[usize::try_from(seed % 2).unwrap()];
        let mut world = World::new(flavour, seed);
        world.enter(0, Role::WatchAll);
        for _ in 0..40 {
            let person = usize::try_from(1 + world.random(6)).unwrap();
            match (world.random(8), world.is_here(person)) {
                (0..=3, false) => world.enter(person, camera(person)),
                (0, true) => world.leave(person),
                (1, true) => world.vanish(person),
                (2, true) => world.drop_socket(person),
                (5, _) => world.drop_socket(0),
                _ => {}
            }
            let seconds = world.random(12);
            world.run(seconds);
        }
        world.run(240);
        let here = names((1..7).filter(|person| world.is_here(*person)));
        assert_eq!(world.flowing(), here, "seed {seed} {flavour:?}");
        assert_eq!(world.announced(), here, "seed {seed} {flavour:?}");
        assert_eq!(world.watched.len(), here.len(), "seed {seed} {flavour:?}");
    }
}
