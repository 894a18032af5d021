//! `rrlab course`.

use anyhow::{Context as _, ensure};
use rrlab_protocol::{Course, CourseLinkPlan};

use super::context::Context;
use super::lab::{block_on, open_store};
use super::people::known;
use crate::cli::{CourseArgs, CourseCommand};
use crate::output::{Csv, Report};
use crate::secret::new_secret;
use crate::store::Store;

pub fn run(context: &Context, args: &CourseArgs) -> anyhow::Result<()> {
    block_on(async {
        let store = open_store(&args.lab, &context.data).await?;
        match &args.command {
            CourseCommand::Add { name, teacher } => add(&store, name, teacher).await,
            CourseCommand::List => list(context, &store.courses().await?),
            CourseCommand::Join { name, person, teacher } => {
                let course = course(&store, name).await?;
                store.set_member(course.id, known(&store, person).await?.id, *teacher).await?;
                eprintln!("{person} {} {name}", if *teacher { "teaches" } else { "learns in" });
                Ok(())
            }
            CourseCommand::Leave { name, person } => {
                let course = course(&store, name).await?;
                let id = known(&store, person).await?.id;
                ensure!(
                    store.remove_member(course.id, id, None).await?,
                    "{person} is not in {name}"
                );
                eprintln!("{person} is not in {name} any more; their work stays");
                Ok(())
            }
            CourseCommand::Link { name, days, seats } => {
                let course = course(&store, name).await?;
                let plan = CourseLinkPlan { days: *days, seats: *seats };
                let secret = new_secret();
                let link = store.add_course_link(course.id, &secret, plan, None).await?;
                let id = link.id;
                eprintln!("link {id} of {name}, behind the lab's address; it is shown this once:");
                println!("/?run=true&compute_on=server&enrol={secret}");
                Ok(())
            }
            CourseCommand::Remove { name } => {
                store.remove_course(course(&store, name).await?.id).await?;
                eprintln!("{name} is removed; its people and their work stay");
                Ok(())
            }
        }
    })
}

async fn course(store: &Store, name: &str) -> anyhow::Result<Course> {
    let courses = store.courses().await?;
    let found = courses.into_iter().find(|course| course.name == name);
    found.with_context(|| format!("there is no course {name}: `rrlab course list`"))
}

async fn add(store: &Store, name: &str, teachers: &[String]) -> anyhow::Result<()> {
    let plain = !name.is_empty() && name.len() <= 100 && !name.chars().any(char::is_control);
    ensure!(plain, "a name has 1 to 100 characters that can be printed");
    let mut people = Vec::new();
    for teacher in teachers {
        people.push(known(store, teacher).await?.id);
    }
    let id = store.add_course(name).await?;
    let id = id.with_context(|| format!("there is a course {name} already"))?;
    for person in people {
        store.set_member(id, person, true).await?;
    }
    eprintln!("{name} is there; `rrlab course link {name}` makes a link that enrols");
    Ok(())
}

fn list(context: &Context, courses: &[Course]) -> anyhow::Result<()> {
    let cells = |course: &Course| {
        let Course { id, name, teachers, students, .. } = course;
        vec![id.to_string(), name.clone(), teachers.join(", "), students.to_string()]
    };
    let columns = &["id", "name", "teachers", "students"];
    let report = Report {
        value: courses,
        csv: Csv { lines: "", columns },
        columns,
        rows: courses.iter().map(cells).collect(),
        summary: None,
    };
    report.print(context.format)
}
