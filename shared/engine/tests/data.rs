//! Data sets from files of their exact layouts, which the tests make, and from broken ones.

use std::io::{Cursor, Write};

use burn::tensor::{Device, Tensor};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use rrlab_engine::data::{
    Augmentation, Dataset, DatasetSummary, IMAGE_BYTES, ImageSize, ImportBudget, ImportError,
    Importer, Sample, images_to_device, shapes10,
};
use safetensors::tensor::{Dtype, TensorView};

/// In training images are flipped and shifted; in place, each is itself or its mirror image.
#[test]
fn an_image_augmented_in_place_is_itself_or_mirrored() {
    let data = shapes10(32, 1, 5);
    let batch = |vary: &dyn Fn(usize) -> Augmentation| -> Tensor<4> {
        let samples: Vec<Sample> =
            (0..32).map(|image| Sample { image, augmentation: vary(image) }).collect();
        images_to_device(&data.train, &samples, &data.normalization, &Device::flex())
    };
    let plain = batch(&|_| Augmentation::default());
    let mirrored = plain.clone().flip([3]);
    let differ = |one: &Tensor<4>, other: &Tensor<4>| -> Vec<bool> {
        let most = (one.clone() - other.clone()).abs().max_dims(&[1, 2, 3]);
        most.into_data().iter::<f32>().map(|most| most > 0.0).collect()
    };
    let drawn = |image| Augmentation::draw(3, 1, image);
    let in_place = batch(&|image| drawn(image).in_place());
    let (from_plain, from_mirrored) = (differ(&in_place, &plain), differ(&in_place, &mirrored));
    assert!(from_plain.iter().zip(&from_mirrored).all(|(plain, mirrored)| !(*plain && *mirrored)));
    assert!(from_plain.contains(&true) && from_plain.contains(&false), "some of each");
    let shifted = batch(&drawn);
    let moved = differ(&shifted, &plain).into_iter().zip(differ(&shifted, &mirrored));
    assert!(moved.filter(|(plain, mirrored)| *plain && *mirrored).count() > 20, "most are moved");
}

/// Records of CIFAR-10 (one label byte) or CIFAR-100 (coarse and fine).
fn records(label_bytes: usize, labels: &[u8]) -> Vec<u8> {
    let record = |&label: &u8| {
        let mut bytes = vec![7; label_bytes - 1];
        bytes.push(label);
        bytes.extend((0..IMAGE_BYTES).map(|i| (i % 251) as u8 ^ label));
        bytes
    };
    labels.iter().flat_map(record).collect()
}

fn cifar10() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = (1..=5)
        .map(|n| (format!("cifar-10-batches-bin/data_batch_{n}.bin"), records(1, &[n, 9 - n])))
        .collect();
    files.push(("cifar-10-batches-bin/test_batch.bin".into(), records(1, &[3, 1, 0])));
    let names: Vec<String> = (0..10).map(|i| format!("class{i}")).collect();
    files.push((
        "cifar-10-batches-bin/batches.meta.txt".into(),
        (names.join("\n") + "\n\n").into_bytes(),
    ));
    files.push(("cifar-10-batches-bin/readme.html".into(), b"<html>".to_vec()));
    files
}

fn import(files: &[(String, Vec<u8>)], name: &str) -> Result<Dataset, ImportError> {
    let mut importer = Importer::default();
    for (path, bytes) in files {
        importer.add(path, bytes)?;
    }
    Ok(importer.finish(name)?.into_dataset())
}

fn tar_gz(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        writer.start_file(path.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn from_archive(path: &str, bytes: &[u8]) -> Result<Dataset, ImportError> {
    let mut importer = Importer::default();
    importer.add_archive(path, bytes, |_| {})?;
    Ok(importer.finish("test")?.into_dataset())
}

#[test]
fn cifar10_as_its_authors_publish_it() {
    let dataset = import(&cifar10(), "cifar10").unwrap();
    assert_eq!((dataset.train.len(), dataset.test.len(), dataset.classes.len()), (10, 3, 10));
    assert_eq!(dataset.classes[3], "class3");
    assert_eq!(dataset.test.labels(), [3, 1, 0]);
    assert_eq!(dataset.test.image(1)[..3], [1, 0, 3]);
    assert_eq!(dataset.normalization.mean, [0.4914, 0.4822, 0.4465]);
    assert_eq!(from_archive("a.tar.gz", &tar_gz(&cifar10())).unwrap().train, dataset.train);
    assert_eq!(from_archive("a.zip", &zip(&cifar10())).unwrap().train, dataset.train);
}

#[test]
fn cifar100_labels_are_the_fine_ones() {
    let files =
        [("train.bin".into(), records(2, &[99, 42])), ("test.bin".into(), records(2, &[5]))];
    let dataset = import(&files, "cifar100").unwrap();
    assert_eq!(dataset.classes.len(), 100);
    assert_eq!(dataset.train.labels(), [99, 42]);
}

fn png(colour: [u8; 3], size: (u32, u32)) -> Vec<u8> {
    encoded(colour, size, image::ImageFormat::Png)
}

fn encoded(colour: [u8; 3], size: (u32, u32), format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let image = image::RgbImage::from_pixel(size.0, size.1, image::Rgb(colour));
    image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

#[test]
fn images_of_every_format() {
    use image::ImageFormat::{Jpeg, Png, WebP};
    let red = |format| encoded([250, 0, 0], (32, 32), format);
    let files = [
        ("train/a/1.PNG".to_owned(), red(Png)),
        ("train/a/2.jpg".to_owned(), red(Jpeg)),
        ("train/a/3.jpeg".to_owned(), red(Jpeg)),
        ("train/b/4.webp".to_owned(), red(WebP)),
        ("test/b/5.webp".to_owned(), red(WebP)),
    ];
    let dataset = import(&files, "formats").unwrap();
    assert_eq!((dataset.train.len(), dataset.test.len()), (4, 1));
    for index in 0..4 {
        let image = dataset.train.image(index);
        assert!(image[0].abs_diff(250) < 3 && image[1024] < 3, "{index}: {}", image[0]);
    }
}

#[test]
fn an_image_folder_in_any_order() {
    let mut files = vec![
        ("pets/train/dog/1.png".to_owned(), png([250, 0, 0], (32, 32))),
        ("pets/train/cat/1.png".to_owned(), png([0, 250, 0], (64, 40))),
        ("pets/test/dog/9.png".to_owned(), png([250, 0, 0], (32, 32))),
        ("pets/notes.txt".to_owned(), b"hello".to_vec()),
    ];
    let dataset = import(&files, "pets").unwrap();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    assert_eq!(
        (dataset.train.labels(), dataset.test.labels()),
        ([0, 1].as_slice(), [1].as_slice())
    );
    assert_eq!((dataset.train.image(0)[0], dataset.train.image(0)[1024]), (0, 250));
    files.reverse();
    assert_eq!(import(&files, "pets").unwrap(), dataset);
    let again = Dataset::from_bytes(dataset.to_bytes().unwrap().into()).unwrap();
    assert_eq!(again, dataset);
}

/// Images that are kept in a file until all have come, and written one by one.
fn sized(files: &[(&str, Vec<u8>)], size: ImageSize) -> Result<Dataset, ImportError> {
    let mut importer = Importer::new(size, tempfile::tempfile().unwrap(), ImportBudget::OWN);
    for (path, bytes) in files {
        assert!(importer.add(path, bytes)?);
    }
    let collected = importer.finish("pets")?;
    let (summary, mut written) = (collected.summary(), Vec::new());
    collected.write(&mut written).unwrap();
    let dataset = Dataset::from_bytes(written.clone().into()).unwrap();
    assert_eq!(dataset.to_bytes().unwrap(), written, "both ways write the same bytes");
    assert_eq!(dataset.summary(), summary);
    Ok(dataset)
}

#[test]
fn an_image_folder_of_another_size() {
    let files = [
        ("pets/train/dog/1.png", png([250, 0, 0], (48, 48))),
        ("pets/test/dog/9.png", png([250, 0, 0], (300, 20))),
        ("pets/train/cat/1.png", png([0, 250, 0], (64, 40))),
    ];
    let size = ImageSize::new(48, None).unwrap();
    let dataset = sized(&files, size).unwrap();
    let mut importer = Importer::new(size, Cursor::default(), ImportBudget::OWN);
    let reversed: Vec<_> =
        files.iter().rev().map(|(path, bytes)| (path.to_string(), bytes.clone())).collect();
    importer.add_all(&reversed).unwrap();
    assert_eq!(importer.finish("pets").unwrap().into_dataset(), dataset);
    let shape = dataset.test.shape();
    assert_eq!((shape.channels, shape.height, shape.width), (3, 48, 48));
    assert_eq!(dataset.test.image(0).len(), 3 * 48 * 48);
    assert_eq!(dataset.normalization.mean, [125.0 / 255.0, 125.0 / 255.0, 0.0]);
    assert!(matches!(ImageSize::new(0, None), Err(ImportError::Side { side: 0 })));
    let cifar = sized(&[("test_batch.bin", records(1, &[0]))], size);
    let words =
        "test_batch.bin: CIFAR's images are 32×32, not 48×48; a network resizes them by itself";
    assert_eq!(cifar.unwrap_err().to_string(), words);
}

/// The middle square of the image below, and the rows or columns around it, each of a grey of its
/// own: what stays tells where it was cut.
#[test]
fn the_middle_of_a_scaled_image_stays() {
    let ramp = |width, height, rows: bool| {
        let grey = |x, y| image::Luma([if rows { y } else { x } as u8]);
        let mut bytes = Vec::new();
        let image = image::GrayImage::from_fn(width, height, grey);
        image.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        bytes
    };
    let files = [
        ("train/a/1.png", ramp(16, 12, false)),
        ("train/b/1.png", ramp(12, 15, true)),
        ("test/a/1.png", ramp(12, 12, true)),
    ];
    // The shorter side has 12 pixels as it should: nothing is scaled, 8 of 16, 12 and 15 stay.
    let dataset = sized(&files, ImageSize::new(8, Some(12)).unwrap()).unwrap();
    assert_eq!(dataset.resize, Some(12));
    assert_eq!(dataset.train.image(0)[..8], [4, 5, 6, 7, 8, 9, 10, 11]);
    let rows: Vec<u8> = dataset.train.image(1)[..64].iter().step_by(8).copied().collect();
    assert_eq!(rows, [4, 5, 6, 7, 8, 9, 10, 11], "(15 − 8)/2 is rounded to the even of 3 and 4");
    assert_eq!(dataset.test.image(0)[..9], [2, 2, 2, 2, 2, 2, 2, 2, 3]);
    for resize in [7, 8193] {
        assert!(matches!(ImageSize::new(8, Some(resize)), Err(ImportError::Resize { .. })));
    }
    let strip = [("train/a/1.png", ramp(8000, 1, false))];
    let message = sized(&strip, ImageSize::new(8, Some(12)).unwrap()).unwrap_err().to_string();
    assert_eq!(
        message,
        "train/a/1.png: scaled to 12 pixels one way it has more than 65536 the other; cut it to less of a strip"
    );
}

#[test]
fn a_disk_that_is_full_ends_an_import() {
    let mut room = [0; 3 * IMAGE_BYTES];
    let store = Cursor::new(&mut room[..]);
    let mut importer = Importer::new(ImageSize::default(), store, ImportBudget::OWN);
    let problem = importer.add("data_batch_1.bin", &records(1, &[1, 2, 3, 4])).unwrap_err();
    assert!(matches!(problem, ImportError::Store(_)), "{problem}");
}

/// As an archive that somebody sent, of whose images 1 MiB may be kept.
fn uploaded(path: &str, bytes: &[u8]) -> Result<(), ImportError> {
    let budget = ImportBudget::of_upload(bytes.len() as u64, 1 << 20);
    let mut importer = Importer::new(ImageSize::default(), Cursor::new(Vec::new()), budget);
    importer.add_archive(path, bytes, |_| {})?;
    importer.finish("x").map(|_| ())
}

/// A black image in as few bytes as there can be.
fn flat_png(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (best, filter) = (CompressionType::Best, FilterType::NoFilter);
    let encoder = PngEncoder::new_with_quality(&mut bytes, best, filter);
    image::GrayImage::new(side, side).write_with_encoder(encoder).unwrap();
    bytes
}

#[test]
fn what_somebody_sends_costs_no_more_than_its_size_is_worth() {
    for (path, archive) in
        [("a.tar.gz", tar_gz as fn(&[(String, Vec<u8>)]) -> Vec<u8>), ("a.zip", zip)]
    {
        let refused = |files: &[(String, Vec<u8>)]| uploaded(path, &archive(files)).unwrap_err();
        // Records of CIFAR, one after the other, of which all pixels are black.
        let bomb = refused(&[("data_batch_1.bin".into(), vec![0; 300 << 20])]);
        let expected = if path == "a.zip" {
            matches!(bomb, ImportError::TooLarge { most_bytes: 1_048_576 })
        } else {
            matches!(bomb, ImportError::Unpacked { .. })
        };
        assert!(expected, "{path}: {bomb}");
        let wide = refused(&[("train/a/1.png".into(), flat_png(8192))]);
        let said = "8192×8192 pixels are more than the 50000000 that an image may have";
        assert!(wide.to_string().contains(said), "{path}: {wide}");
        let many = (0..3).map(|i| (format!("train/a/{i}.png"), flat_png(6000)));
        let many = refused(&many.collect::<Vec<_>>());
        assert!(matches!(many, ImportError::Pixels { .. }), "{path}: {many}");
        let long = refused(&[("train/a/1.png".into(), vec![0; 65 << 20])]);
        assert!(matches!(long, ImportError::FileBytes { .. }), "{path}: {long}");
        // More images than may be kept are counted before one of them is looked at.
        let tiny = (0..400).map(|i| (format!("train/a/{i}.png"), vec![0]));
        let tiny = refused(&tiny.collect::<Vec<_>>());
        assert!(matches!(tiny, ImportError::TooLarge { .. }), "{path}: {tiny}");
        // And more files, whatever they are.
        let most = ImportBudget::of_upload(0, 0).files;
        let notes: Vec<_> = (0..=most).map(|i| (i.to_string(), Vec::new())).collect();
        let notes = refused(&notes);
        assert!(matches!(notes, ImportError::Files { most: 250_000, .. }), "{path}: {notes}");
        uploaded(path, &archive(&cifar10())).unwrap();
    }
    // A name that is a hundred megabytes long, after a file that is passed over.
    let mut name = tar::Header::new_gnu();
    name.set_entry_type(tar::EntryType::GNULongName);
    name.set_size(100 << 20);
    name.set_path("././@LongLink").unwrap();
    name.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    let mut notes = tar::Header::new_gnu();
    notes.set_size(3 << 20);
    builder.append_data(&mut notes, "notes.txt", &vec![0; 3 << 20][..]).unwrap();
    builder.append(&name, &vec![b'a'; 100 << 20][..]).unwrap();
    let problem = uploaded("a.tar", &builder.into_inner().unwrap()).unwrap_err();
    assert!(matches!(problem, ImportError::TarHeader { .. }), "{problem}");
}

#[test]
fn broken_files_are_named() {
    let mut cut = cifar10();
    cut[0].1.pop();
    let message = import(&cut, "x").unwrap_err().to_string();
    assert!(message.contains("data_batch_1.bin") && message.contains("cut short"), "{message}");
    let label = import(&[("data_batch_1.bin".into(), records(1, &[10]))], "x").unwrap_err();
    assert!(matches!(label, ImportError::Label { label: 10, .. }));
    let image = import(&[("train/a/1.png".into(), b"no image".to_vec())], "x").unwrap_err();
    assert!(image.to_string().contains("train/a/1.png"));
    assert!(matches!(import(&[], "x"), Err(ImportError::Empty { .. })));
    let mixed =
        [("train.bin".into(), records(2, &[1])), ("data_batch_1.bin".into(), records(1, &[1]))];
    assert!(matches!(import(&mixed, "x"), Err(ImportError::Mixed { .. })));
    for (path, bytes) in [("a.zip", zip(&cifar10())), ("a.tar.gz", tar_gz(&cifar10()))] {
        assert!(from_archive(path, &bytes[..bytes.len() / 2]).is_err(), "{path}");
        assert!(from_archive(path, b"").is_err(), "{path}");
    }
    let stored = shapes10(20, 10, 1).to_bytes().unwrap();
    assert!(Dataset::from_bytes(stored[..stored.len() - 9].to_vec().into()).is_err());
    assert!(Dataset::from_bytes(Vec::new().into()).is_err());
    // Of images without pixels, which the file is consistent about.
    let images = vec![0u8; 0];
    let labels = vec![0u8; 8];
    let view = |dtype, shape: Vec<usize>, data| TensorView::new(dtype, shape, data).unwrap();
    let mut tensors = Vec::new();
    for split in ["train", "test"] {
        tensors.push((format!("{split}.images"), view(Dtype::U8, vec![2, 3, 0, 0], &images)));
        tensors.push((format!("{split}.labels"), view(Dtype::U32, vec![2], &labels)));
    }
    let header =
        r#"{"name":"x","classes":["a","b"],"normalization":{"mean":[0,0,0],"std":[1,1,1]}}"#;
    let stored = |header: &str| {
        let metadata = [("rrlab.dataset".to_owned(), header.to_owned())].into();
        safetensors::serialize(tensors.clone(), Some(metadata)).unwrap()
    };
    let problem = Dataset::from_bytes(stored(header).into()).unwrap_err().to_string();
    assert!(problem.contains("its images are [2, 3, 0, 0]"), "{problem}");
    let problem = Dataset::from_bytes(stored(&header.replace("[1,1,1]", "[1,0,1]")).into());
    assert!(problem.unwrap_err().to_string().contains("deviations finite and above 0"));
}

#[test]
fn a_stored_data_set_says_how_much_it_holds_before_it_is_read() {
    let data = shapes10(20, 10, 1);
    let stored = data.to_bytes().unwrap();
    let length = stored.len() as u64;
    assert_eq!(DatasetSummary::read(&stored[..], length).unwrap(), data.summary());
    // The pixels are not looked at, but their number is.
    assert!(DatasetSummary::read(&stored[..2000], length).is_ok());
    assert!(DatasetSummary::read(&stored[..], length - 1).is_err());
    assert!(DatasetSummary::read(&stored[..20], length).is_err());
    assert!(DatasetSummary::read(&[255; 2000][..], 2000).is_err());
}

/// A name of 64 MB, that takes 64 KB packed: what reads it whole must not be asked to.
#[test]
fn an_archive_that_hides_its_size_is_refused() {
    let mut builder =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for kind in [tar::EntryType::GNULongName, tar::EntryType::Regular] {
        let mut header = tar::Header::new_gnu();
        let size = if kind == tar::EntryType::Regular { 0 } else { 64 << 20 };
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        builder.append(&header, std::io::Read::take(std::io::repeat(b'a'), size)).unwrap();
    }
    let bomb = builder.into_inner().unwrap().finish().unwrap();
    let problem = from_archive("a.tar.gz", &bomb).unwrap_err().to_string();
    assert!(problem.contains("between its files"), "{problem}");
    let long = format!("train/{}/1.png", "long".repeat(60));
    let files = [long, "train/b/1.png".into(), "test/b/1.png".into()]
        .map(|name| (name, png([1, 2, 3], (32, 32))));
    assert_eq!(
        from_archive("a.tar.gz", &tar_gz(&files)).unwrap().classes.len(),
        2,
        "long names are names"
    );
}

#[test]
fn shapes10_is_the_same_everywhere() {
    let data = shapes10(30, 20, 10);
    assert_eq!((data.train.len(), data.test.len(), data.classes.len()), (30, 20, 10));
    assert!(shapes10(30, 20, 10) == data);
    assert!(shapes10(30, 20, 11) != data);
    assert!(shapes10(60, 20, 10).train.image(29) == data.train.image(29));
    // FNV-1a of the first images: the browser must generate the same bytes.
    let hash =
        (0..30).flat_map(|i| data.train.image(i)).fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    assert_eq!(format!("{hash:016x}"), SHAPES10_HASH);
}

const SHAPES10_HASH: &str = "918e03b3ef285e57";
